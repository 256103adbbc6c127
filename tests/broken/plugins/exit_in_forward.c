/* forward ends the process. */
#define NAME "exit_in_forward"
#include "fixture.h"
static saddle_status forward(void* instance, const saddle_call* call) {
  if (due(instance)) exit(3);
  return sound_forward(instance, call);
}
MODEL(sound_model_create, forward)
