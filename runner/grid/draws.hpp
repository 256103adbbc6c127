#pragma once
#include <cstdint>
#include <string>

namespace saddle {

// Random numbers that are the same on every platform and for ever, since trials
// are named by them: integer arithmetic, and of floating point only what IEEE 754
// rounds in one way. The i-th draw of a stream does not depend on how many are taken.
class Stream {
 public:
  // One stream for each pair of seed and name.
  Stream(std::int64_t seed, const std::string& name);
  // In [0, 1), a multiple of 2^-53.
  double unit(std::uint64_t i) const;
  // One of 0 ... n - 1; n at most 2^53.
  std::uint64_t below(std::uint64_t n, std::uint64_t i) const;

 private:
  std::uint64_t key_;
};

// Natural logarithm of a positive finite number, and its inverse: within some
// 1e-15 of the true value, and the same bits everywhere, which std::log is not.
double portable_log(double x);
double portable_exp(double x);

// The number that `digits` significant decimal digits of it spell.
double round_digits(double x, int digits);

}  // namespace saddle
