#include "train/schedule.hpp"

#include <algorithm>

namespace saddle::train {

double factor(const Schedule& schedule, int64_t round, int64_t rounds) {
  double value = 1;
  if (schedule.kind == Schedule::Kind::linear) {
    const int64_t to = schedule.to.value_or(rounds);
    if (round >= to) {
      value = schedule.final;
    } else if (round > schedule.from) {
      const double done =
          static_cast<double>(round - schedule.from) / static_cast<double>(to - schedule.from);
      value = 1 + (schedule.final - 1) * done;
    }
  }
  if (schedule.warmup > 0)
    value *= std::min(1.0, static_cast<double>(round + 1) / static_cast<double>(schedule.warmup));
  return value;
}

}  // namespace saddle::train
