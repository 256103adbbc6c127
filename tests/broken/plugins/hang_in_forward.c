/* forward never returns. */
#define NAME "hang_in_forward"
#include "fixture.h"
#include <unistd.h>
static saddle_status forward(void* instance, const saddle_call* call) {
  if (due(instance))
    for (;;) pause();
  return sound_forward(instance, call);
}
MODEL(sound_model_create, forward)
