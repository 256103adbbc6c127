/* compute fails. */
#define NAME "throws_in_compute"
#include "fixture.h"
static saddle_status compute(void* instance, const saddle_step* step) {
  return due(instance) ? fail("compute is not in the mood") : sound_compute(instance, step);
}
LOSS(sound_create, compute)
