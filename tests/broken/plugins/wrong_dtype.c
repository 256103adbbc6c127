/* float64 where the trial has float32. */
#define NAME "wrong_dtype"
#include "fixture.h"
static saddle_status forward(void* instance, const saddle_call* call) {
  saddle_tensor* right = sound_output(instance, call);
  if (!right || !due(instance)) return give(instance, call, right);
  saddle_value type = {SADDLE_DTYPE, 0, {SADDLE_FLOAT64}}, no = {SADDLE_BOOL, 0, {0}};
  const saddle_value args[5] = {of_tensor(right), type, no, no, none()};
  saddle_tensor* wrong = apply(&type_slot, args, 5);
  host->release(right);
  return give(instance, call, wrong);
}
MODEL(sound_model_create, forward)
