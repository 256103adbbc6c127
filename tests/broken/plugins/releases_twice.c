/* Releases its term twice. */
#define NAME "releases_twice"
#include "fixture.h"
static saddle_status compute(void* instance, const saddle_step* step) {
  saddle_tensor* term = sound_term(step);
  if (!term) return SADDLE_ERROR;
  if (due(instance)) host->release(term);
  return give_term(step, term);
}
LOSS(sound_create, compute)
