/* A metric whose numbers are not finite, or only now and then. */
#define NAME "non_finite_numbers"
#include "../../../broken/plugins/fixture.h"
#include <math.h>
static saddle_status measure(void* instance, const saddle_samples* fake, const saddle_report* report) {
  static const double now_and_then[] = {2, NAN, INFINITY, -INFINITY, 1};
  Instance* i = instance;
  (void)fake;
  if (report->number(report, "never", NAN) != SADDLE_OK ||
      report->number(report, "up", INFINITY) != SADDLE_OK ||
      report->number(report, "down", -INFINITY) != SADDLE_OK)
    return SADDLE_ERROR;
  return report->number(report, "mixed", now_and_then[i->calls++ % 5]);
}
METRIC(measure)
