// Compiled with -ffp-contract=off: a fused multiply-add gives other bits.
#include <grid/draws.hpp>

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include <common/sha256.hpp>

namespace saddle {
namespace {

constexpr double kLn2 = 0.69314718055994530942;

// splitmix64 (Steele, Lea and Flood 2014) as a hash of a counter.
std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

}  // namespace

Stream::Stream(std::int64_t seed, const std::string& name)
    : key_(std::stoull(sha256("saddle random 1\n" + std::to_string(seed) + "\n" + name).substr(0, 16),
                       nullptr, 16)) {}

double Stream::unit(std::uint64_t i) const {
  return static_cast<double>(mixed(key_ + (i + 1) * 0x9E3779B97F4A7C15u) >> 11) * 0x1p-53;
}

std::uint64_t Stream::below(std::uint64_t n, std::uint64_t i) const {
  return static_cast<std::uint64_t>(unit(i) * static_cast<double>(n));
}

double portable_log(double x) {
  int exponent = 0;
  double m = std::frexp(x, &exponent);  // in [0.5, 1)
  if (m < 0.70710678118654752440) {
    m *= 2;
    --exponent;
  }
  // log m = 2 artanh s; s <= 0.172, so 14 terms reach below the last bit.
  const double s = (m - 1) / (m + 1), square = s * s;
  double sum = 0;
  for (int k = 27; k >= 1; k -= 2) sum = sum * square + 1.0 / k;
  return exponent * kLn2 + 2 * s * sum;
}

double portable_exp(double x) {
  const double whole = std::floor(x / kLn2 + 0.5), r = x - whole * kLn2;
  double sum = 1;
  for (int k = 18; k >= 1; --k) sum = 1 + sum * r / k;
  return std::ldexp(sum, static_cast<int>(whole));
}

double round_digits(double x, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*g", digits, x);
  return std::strtod(text, nullptr);
}

}  // namespace saddle
