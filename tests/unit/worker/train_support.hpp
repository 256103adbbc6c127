#pragma once
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <functional>
#include <string>
#include <vector>

#undef CHECK  // c10's; Catch2 has its own
#include <catch2/catch.hpp>

#include "train/parameters.hpp"

namespace saddle::train::test {

inline at::Generator generator(uint64_t seed = 7) {
  at::Generator g = at::detail::createCPUGenerator(seed);
  return g;
}

inline at::Tensor random(at::IntArrayRef shape, uint64_t seed) {
  return at::empty(shape, at::kDouble).normal_(0, 1, generator(seed));
}

// Largest difference, relative to the larger of 1 and the largest expected value.
inline double difference(const at::Tensor& found, const at::Tensor& expected) {
  REQUIRE(found.sizes() == expected.sizes());
  if (found.numel() == 0) return 0;
  const at::Tensor f = found.detach().to(at::kDouble), e = expected.detach().to(at::kDouble);
  const double scale = std::max(1.0, e.abs().max().item<double>());
  const double largest = (f - e).abs().max().item<double>();
  return std::isnan(largest) ? INFINITY : largest / scale;
}

inline bool same_bits(const at::Tensor& a, const at::Tensor& b) {
  return a.scalar_type() == b.scalar_type() && at::equal(a.detach(), b.detach());
}

// Central differences of a scalar function by each element of `x`, which is
// changed in place and put back.
inline at::Tensor finite_differences(const std::function<double()>& f, const at::Tensor& x,
                                     double step = 1e-6) {
  const c10::NoGradGuard no_grad;
  at::Tensor gradient = at::zeros(x.sizes(), at::kDouble);
  at::Tensor target = x.detach();
  std::vector<int64_t> at_index(x.dim(), 0);
  for (int64_t n = 0; n < x.numel(); ++n) {
    at::Tensor element = target, slot = gradient;
    int64_t rest = n;
    for (int64_t d = x.dim() - 1; d >= 0; --d) {
      at_index[d] = rest % x.size(d);
      rest /= x.size(d);
    }
    for (int64_t d = 0; d < x.dim(); ++d) {
      element = element.select(0, at_index[d]);
      slot = slot.select(0, at_index[d]);
    }
    const double before = element.item<double>();
    element.fill_(before + step);
    const double up = f();
    element.fill_(before - step);
    const double down = f();
    element.fill_(before);
    slot.fill_((up - down) / (2 * step));
  }
  return gradient;
}

// The (out, rest) matrix written plainly, columns in the order of the indices.
inline at::Tensor plain_matrix(const at::Tensor& w, Layout layout) {
  return (layout == Layout::conv_transpose ? w.transpose(0, 1) : w).contiguous().flatten(1);
}

struct Case {
  std::string name;
  Layout layout;
  std::vector<int64_t> shape;
  bool channels_last;
};

inline const std::vector<Case>& weight_cases() {
  static const std::vector<Case> cases = {
      {"linear", Layout::linear, {4, 6}, false},
      {"one output", Layout::linear, {1, 5}, false},
      {"embedding", Layout::embedding, {5, 3}, false},
      {"other", Layout::other, {3, 2, 2}, false},
      {"conv", Layout::conv, {4, 3, 2, 3}, false},
      {"conv, channels last", Layout::conv, {4, 3, 2, 3}, true},
      {"conv 1x1, channels last", Layout::conv, {3, 4, 1, 1}, true},
      {"conv of one channel, channels last", Layout::conv, {4, 1, 3, 3}, true},
      {"conv 1d", Layout::conv, {3, 2, 4}, false},
      {"conv_transpose", Layout::conv_transpose, {3, 4, 2, 3}, false},
      {"conv_transpose, channels last", Layout::conv_transpose, {3, 4, 2, 3}, true},
      {"conv_transpose to one channel, channels last", Layout::conv_transpose, {3, 1, 2, 2}, true},
  };
  return cases;
}

inline ParameterSet one_weight(const Case& c, Norm norm, uint64_t seed = 7) {
  ParameterOptions options;
  options.dtype = at::kDouble;
  options.channels_last = c.channels_last;
  return {{{"w", c.shape, c.layout, Init::normal(0.1, 1), norm}}, {}, generator(seed), options};
}

}  // namespace saddle::train::test
