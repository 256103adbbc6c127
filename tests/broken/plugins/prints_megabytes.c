/* Prints 1 MiB in each call of compute, on both outputs; otherwise sound. */
#define NAME "prints_megabytes"
#include "fixture.h"
static saddle_status compute(void* instance, const saddle_step* step) {
  for (int i = 0; i < 1 << 14; ++i) fputs("so much to say, so little time\n\n", i % 2 ? stdout : stderr);
  return sound_compute(instance, step);
}
LOSS(sound_create, compute)
