#include "train/ema.hpp"

#include <c10/core/GradMode.h>

namespace saddle::train {

Ema::Ema(const ParameterSet& live, const EmaConfig& config) : config_(config), set_(live.average()) {}

void Ema::update(const ParameterSet& live, int64_t round) {
  const c10::NoGradGuard no_grad;
  std::vector<at::Tensor> averages = set_.leaves(), values = live.leaves();
  for (const auto& [name, value] : live.buffers()) {
    at::Tensor& average = set_.buffer(name);
    if (!value.is_floating_point()) {
      average.copy_(value);
      continue;
    }
    averages.push_back(average);
    values.push_back(value);
  }
  if (averages.empty()) return;
  if (round < config_.start)
    at::_foreach_copy_(averages, values);
  else
    at::_foreach_lerp_(averages, values, 1 - config_.decay);
}

}  // namespace saddle::train
