/* Its compute calls C++ that throws: nothing between catches it, as the SDK would have. */
#define NAME "lets_an_exception_out"
#include "fixture.h"
void throw_something(void);
static saddle_status compute(void* instance, const saddle_step* step) {
  if (due(instance)) throw_something();
  return sound_compute(instance, step);
}
LOSS(sound_create, compute)
