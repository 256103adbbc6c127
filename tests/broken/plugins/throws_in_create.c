/* create fails. */
#define NAME "throws_in_create"
#include "fixture.h"
static saddle_status create(const saddle_builder* b, void** instance) {
  return creation_due(b) ? fail("create is not in the mood") : sound_model_create(b, instance);
}
MODEL(create, sound_forward)
