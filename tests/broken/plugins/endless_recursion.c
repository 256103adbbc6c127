/* Runs out of stack in compute. */
#define NAME "endless_recursion"
#include "fixture.h"
static int deeper(volatile char* before) {
  volatile char here[4096];
  here[0] = before[0];
  if (here[0]) return 0; /* never */
  return deeper(here) + here[0];
}
static saddle_status compute(void* instance, const saddle_step* step) {
  volatile char start = 0;
  if (due(instance)) return deeper(&start);
  return sound_compute(instance, step);
}
LOSS(sound_create, compute)
