/* fill writes one sample more than it was asked for. */
#define NAME "writes_past_end"
#include "fixture.h"
static saddle_status fill(void* instance, uint32_t split, const int64_t* indices, int64_t count,
                          void* samples, int64_t* labels) {
  float* to = samples;
  if (due(instance)) to[2 * count] = to[2 * count + 1] = 1;
  return sound_fill(instance, split, indices, count, samples, labels);
}
DATASET(fill)
