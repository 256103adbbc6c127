#pragma once
#include <cstdint>
#include <optional>

namespace saddle::train {

// How a learning rate changes over a run.
struct Schedule {
  enum class Kind { constant, linear };
  Kind kind = Kind::constant;
  int64_t warmup = 0;         // rounds; multiplies by min(1, (round + 1) / warmup)
  int64_t from = 0;           // linear: the last round at full rate
  std::optional<int64_t> to;  // linear: the first round at `final`; the run's rounds if not given
  double final = 0;           // linear: the factor in the end
};

// What the learning rate of `round` (the first is 0) is multiplied by, in a run
// of `rounds`.
double factor(const Schedule& schedule, int64_t round, int64_t rounds);

}  // namespace saddle::train
