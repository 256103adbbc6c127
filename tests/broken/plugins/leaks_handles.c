/* Forgets to release the logit that it retained. */
#define NAME "leaks_handles"
#include "fixture.h"
static saddle_status compute(void* instance, const saddle_step* step) {
  saddle_tensor* logit = NULL;
  if (step->output(step, "discriminator", "fake", "logit", &logit) != SADDLE_OK) return SADDLE_ERROR;
  host->retain(logit);
  return sound_compute(instance, step);
}
LOSS(sound_create, compute)
