/* Its description calls a number higher that it gives under another name. */
#define NAME "misspells_higher"
#define MORE ", \"higher\": [\"likenes\"]"
#include "fixture.h"
static saddle_status measure(void* instance, const saddle_samples* fake, const saddle_report* report) {
  (void)instance;
  (void)fake;
  return report->number(report, "likeness", 1);
}
METRIC(measure)
