/* create never returns. */
#define NAME "hang_in_create"
#include "fixture.h"
#include <unistd.h>
static saddle_status create(const saddle_builder* b, void** instance) {
  if (creation_due(b))
    for (;;) pause();
  return sound_model_create(b, instance);
}
MODEL(create, sound_forward)
