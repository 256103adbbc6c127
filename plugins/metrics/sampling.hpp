// Reproducible orders of samples, independent of the trial's random numbers, so that measuring does not
// disturb training.
#pragma once
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

namespace saddle {

// splitmix64 (Steele et al. 2014).
class Draws {
 public:
  explicit Draws(uint64_t seed) : state_(seed) {}
  // 0 .. n - 1, uniform but for a bias of n / 2^64.
  int64_t below(int64_t n) {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return static_cast<int64_t>((z ^ (z >> 31)) % static_cast<uint64_t>(n));
  }
  // The first `count` of a random order of 0 .. n - 1 (Fisher and Yates).
  std::vector<int64_t> choose(int64_t n, int64_t count) {
    std::vector<int64_t> order(static_cast<size_t>(n));
    std::iota(order.begin(), order.end(), 0);
    for (int64_t i = 0; i < count; ++i)
      std::swap(order[static_cast<size_t>(i)], order[static_cast<size_t>(i + below(n - i))]);
    order.resize(static_cast<size_t>(count));
    return order;
  }

 private:
  uint64_t state_;
};

}  // namespace saddle
