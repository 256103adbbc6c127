#pragma once
#include <cstdint>

#include "train/parameters.hpp"

namespace saddle::train {

struct EmaConfig {
  double decay = 0;   // 0 is off
  int64_t start = 0;  // rounds before which the average is a copy
};

// A second set of tensors under the same names: p <- d p + (1 - d) w on the
// parameters and the floating-point buffers, a copy before round `start`.
// Other buffers (counters) are copied. Singular vectors are left to whoever
// reads the average: wrap set() in EffectiveWeights(..., converge = true).
class Ema {
 public:
  Ema(const ParameterSet& live, const EmaConfig& config);
  // After the update of round `round` (the first is 0).
  void update(const ParameterSet& live, int64_t round);
  ParameterSet& set() { return set_; }
  const EmaConfig& config() const { return config_; }

 private:
  EmaConfig config_;
  ParameterSet set_;
};

}  // namespace saddle::train
