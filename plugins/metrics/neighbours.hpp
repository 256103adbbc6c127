// Neighbours in feature space: balls around samples, decided exactly.
#pragma once
#include "features.hpp"

#include <cmath>
#include <limits>
#include <optional>

#pragma GCC visibility push(hidden)
namespace saddle {

// Squared distances between two sets, found fast and decided exactly.
//
// |a|^2 + |b|^2 - 2 ab by matrix products is fast, but rounds, and on pictures of
// few grey levels (or copies of training samples) ties are the rule: `<` would
// then be a coin toss. So a product only excludes, and whatever is within its
// rounding error of a threshold is computed from the differences.
class Distances {
 public:
  Distances(Tensor a, Tensor b, const Tensor& origin)
      : a_(std::move(a)),
        b_(std::move(b)),
        origin_(origin),
        x_(a_.data<float>()),
        y_(b_.data<float>()),
        width_(static_cast<size_t>(a_.size(1))) {}

  // The distance itself: the sum of squared differences in float64, the same for (a, b) and (b, a).
  double exact(int64_t i, int64_t j) const {
    const float* a = x_.data() + static_cast<size_t>(i) * width_;
    const float* b = y_.data() + static_cast<size_t>(j) * width_;
    double lanes[4] = {0, 0, 0, 0};
    size_t k = 0;
    for (; k + 4 <= width_; k += 4)
      for (size_t l = 0; l < 4; ++l) {
        const double difference = static_cast<double>(a[k + l]) - static_cast<double>(b[k + l]);
        lanes[l] += difference * difference;
      }
    for (; k < width_; ++k) {
      const double difference = static_cast<double>(a[k]) - static_cast<double>(b[k]);
      lanes[0] += difference * difference;
    }
    return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
  }

  // Of a pair that for_pairs visits: none if it lies outside both balls; else its distance, exact where a
  // product cannot tell on which side of a radius it lies.
  std::optional<double> decided(int64_t i, int64_t j, double near, double error, double radius,
                                double other_radius) const {
    if (near - error > std::max(radius, other_radius)) return {};
    const bool clear = std::abs(near - radius) > error && std::abs(near - other_radius) > error;
    return clear ? near : exact(i, j);
  }

  // visit(i, j, near, error): the distance is within `error` of `near`. Every pair, or (of a set with itself)
  // every pair i < j once.
  template <class F>
  void for_pairs(bool once, F&& visit) const {
    // Sums of `width_` products in float64 are off by less than this share of |a|^2 + |b|^2.
    const double share = std::numeric_limits<double>::epsilon() * static_cast<double>(width_ + 8);
    for_blocks(a_.size(0), 512, [&](int64_t i0, int64_t rows_a) {
      const Tensor a = rows(a_, i0, rows_a) - origin_;
      const Tensor norms_a = sum(square(a), IntList(1));
      const std::span<double> na = norms_a.data<double>();
      for (int64_t j0 = once ? i0 : 0; j0 < b_.size(0); j0 += 4096) {
        const Tensor b = rows(b_, j0, std::min<int64_t>(4096, b_.size(0) - j0)) - origin_;
        const Tensor norms_b = sum(square(b), IntList(1)), products = mm(a, transpose(b, 0, 1));
        const std::span<double> nb = norms_b.data<double>();
        const double* dot = products.data<double>().data();
        for (int64_t i = 0; i < rows_a; ++i, dot += nb.size()) {
          const double own = na[static_cast<size_t>(i)];
          for (size_t j = once ? static_cast<size_t>(std::max<int64_t>(0, i0 + i + 1 - j0)) : 0;
               j < nb.size(); ++j)
            visit(i0 + i, j0 + static_cast<int64_t>(j), own + nb[j] - 2 * dot[j], share * (own + nb[j]));
        }
      }
    });
  }

 private:
  Tensor a_, b_, origin_;
  std::span<float> x_, y_;
  size_t width_;
};

// Squared distance of each sample to its k-th nearest other one.
inline std::vector<double> radii(const Tensor& x, const Tensor& origin, int64_t k) {
  const auto n = static_cast<size_t>(x.size(0)), near_count = static_cast<size_t>(k);
  std::vector<double> nearest(n * near_count,
                              std::numeric_limits<double>::infinity());  // ascending by sample
  const Distances distances(x, x, origin);
  const auto list = [&](int64_t i) { return nearest.data() + static_cast<size_t>(i) * near_count; };
  const auto insert = [&](double* own, double d) {
    if (d >= own[near_count - 1]) return;
    double* at = std::upper_bound(own, own + near_count, d);
    std::copy_backward(at, own + near_count - 1, own + near_count);
    *at = d;
  };
  distances.for_pairs(true, [&](int64_t i, int64_t j, double near, double error) {
    if (near - error >= std::max(list(i)[near_count - 1], list(j)[near_count - 1])) return;
    const double d = distances.exact(i, j);
    insert(list(i), d);
    insert(list(j), d);
  });
  std::vector<double> out(n);
  for (size_t i = 0; i < n; ++i) out[i] = nearest[i * near_count + near_count - 1];
  return out;
}

// Share of the flags that are set.
inline double share(const std::vector<uint8_t>& flags) {
  return static_cast<double>(std::count(flags.begin(), flags.end(), 1)) / static_cast<double>(flags.size());
}

}  // namespace saddle
#pragma GCC visibility pop
