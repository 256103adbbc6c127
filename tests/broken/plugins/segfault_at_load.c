/* Crashes before anybody asks it anything. */
#define NAME "segfault_at_load"
#include "fixture.h"
static int* volatile nowhere;
__attribute__((constructor)) static void crash(void) { *nowhere = 1; }
LOSS(sound_create, sound_compute)
