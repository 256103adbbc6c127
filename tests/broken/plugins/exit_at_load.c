/* Ends the process that opens it, and says all went well. */
#define NAME "exit_at_load"
#include "fixture.h"
__attribute__((constructor)) static void leave(void) { exit(0); }
LOSS(sound_create, sound_compute)
