/* Crashes in forward. */
#define NAME "segfault_in_forward"
#include "fixture.h"
static int* volatile nowhere;
static saddle_status forward(void* instance, const saddle_call* call) {
  if (due(instance)) *nowhere = 1;
  return sound_forward(instance, call);
}
MODEL(sound_model_create, forward)
