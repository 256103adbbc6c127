/* forward fails. */
#define NAME "throws_in_forward"
#include "fixture.h"
static saddle_status forward(void* instance, const saddle_call* call) {
  return due(instance) ? fail("forward is not in the mood") : sound_forward(instance, call);
}
MODEL(sound_model_create, forward)
