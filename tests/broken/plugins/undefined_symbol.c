/* Calls what nobody defines. */
#define NAME "undefined_symbol"
#include "fixture.h"
saddle_status no_such_function(void* instance, const saddle_step* step);
LOSS(sound_create, no_such_function)
