/* A term that has forgotten where it came from. */
#define NAME "detached_loss"
#include "fixture.h"
static saddle_status compute(void* instance, const saddle_step* step) {
  saddle_tensor* right = sound_term(step);
  if (!right || !due(instance)) return give_term(step, right);
  const saddle_value args[1] = {of_tensor(right)};
  saddle_tensor* wrong = apply(&detach_slot, args, 1);
  host->release(right);
  return give_term(step, wrong);
}
LOSS(sound_create, compute)
