/* measure fails. */
#define NAME "throws_in_measure"
#include "fixture.h"
static saddle_status measure(void* instance, const saddle_samples* fake, const saddle_report* report) {
  (void)fake;
  return due(instance) ? fail("measure is not in the mood") : report->number(report, "one", 1);
}
METRIC(measure)
