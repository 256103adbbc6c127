// The sets of tests/reference/metrics_reference.py, and a metric run through the bridge.
#pragma once
#include <plugins/harness.hpp>

#include <cmath>
#include <fstream>
#include <map>

#include <catch2/catch.hpp>

namespace saddle::test {

inline uint64_t splitmix(uint64_t state) {
  uint64_t z = state + 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// As make_set of the reference.
inline at::Tensor make_set(const json& spec) {
  const auto seed = spec.at("seed").get<uint64_t>();
  const auto n = spec.at("n").get<int64_t>(), d = spec.at("d").get<int64_t>();
  const int levels = spec.value("levels", 0);
  at::Tensor x = at::empty({n, d}, at::kDouble);
  auto* to = x.data_ptr<double>();
  for (int64_t i = 0; i < n * d; ++i)
    to[i] = static_cast<double>(splitmix((seed << 32) + static_cast<uint64_t>(i)) >> 40) / (1 << 24);
  x = levels ? at::floor(x * levels) : x + 0.5 * at::roll(x, -1, 1);
  return (x * spec.value("scale", 1.0) + spec.value("shift", 0.0)).to(at::kFloat);
}

inline const json& metrics_reference() {
  static const json numbers =
      json::parse(std::ifstream(std::string(SADDLE_TEST_REFERENCE) + "/metrics_reference.json"));
  return numbers;
}

// As labels_of of the reference.
inline at::Tensor labels_of(int64_t n, int64_t classes) {
  const at::Tensor i = at::arange(n, at::kLong);
  return (7 * i + i.div(3, "floor")).remainder(classes);
}

// Independent normal numbers.
inline at::Tensor normal(int64_t n, int64_t d, uint64_t seed) {
  auto generator = at::detail::getDefaultCPUGenerator().clone();
  generator.set_current_seed(seed);
  return at::randn({n, d}, generator, at::kFloat);
}

class TestMetric {
 public:
  explicit TestMetric(const std::string& name, const json& config = json::object(),
                      const json& facts = json::object())
      : metric(component("metric", name), with_defaults(component("metric", name), config), facts) {}
  std::map<std::string, double> operator()(const at::Tensor& real, const at::Tensor& fake,
                                           const at::Tensor& real_labels = {},
                                           const at::Tensor& fake_labels = {}) const {
    metric.reference(real, real_labels);
    const auto numbers = metric.measure(fake, fake_labels);
    return {numbers.begin(), numbers.end()};
  }
  worker::Metric metric;
};

}  // namespace saddle::test
