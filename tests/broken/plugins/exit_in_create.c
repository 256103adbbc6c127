/* create ends the process. */
#define NAME "exit_in_create"
#include "fixture.h"
static saddle_status create(const saddle_builder* b, void** instance) {
  if (creation_due(b)) exit(0);
  return sound_model_create(b, instance);
}
MODEL(create, sound_forward)
