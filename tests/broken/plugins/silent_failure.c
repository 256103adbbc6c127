/* compute fails without a reason. */
#define NAME "silent_failure"
#include "fixture.h"
static saddle_status compute(void* instance, const saddle_step* step) {
  return due(instance) ? SADDLE_ERROR : sound_compute(instance, step);
}
LOSS(sound_create, compute)
