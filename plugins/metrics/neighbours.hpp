// Neighbours in feature space: balls around samples, decided exactly.
#pragma once
#include "features.hpp"

#include <cmath>
#include <limits>
#include <optional>

#pragma GCC visibility push(hidden)
namespace saddle {

// No less than `x`.
inline float rounded_up(double x) {
  const auto f = static_cast<float>(x);
  return static_cast<double>(f) < x ? std::nextafter(f, std::numeric_limits<float>::infinity()) : f;
}
inline std::vector<float> rounded_up(const std::vector<double>& all) {
  std::vector<float> up;
  up.reserve(all.size());
  for (const double x : all) up.push_back(rounded_up(x));
  return up;
}

// Squared distances between two sets, found fast and decided exactly.
//
// |a|^2 + |b|^2 - 2 ab by matrix products in float32 is fast, but rounds, and on
// pictures of few grey levels (or copies of training samples) ties are the rule:
// `<` would then be a coin toss. So a product only excludes, and whatever is within
// its rounding error of a threshold is computed from the differences.
class Distances {
 public:
  Distances(Tensor a, Tensor b)
      : a_(std::move(a)),
        b_(std::move(b)),
        // Subtracting what rows have in common keeps products small, and so their rounding. Any rows will do.
        origin_(mean_row(narrow(b_, 0, 0, std::min<int64_t>(512, b_.size(0))))),
        x_(a_.data<float>()),
        y_(b_.data<float>()),
        width_(static_cast<size_t>(a_.size(1))) {}

  // The distance itself: the sum of squared differences in float64, the same for (a, b) and (b, a).
  double exact(int64_t i, int64_t j) const {
    ++exact_;
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

  // Of a pair that for_near visits: none if it lies outside both balls; else its distance, exact where a
  // product cannot tell on which side of a radius it lies.
  std::optional<double> decided(int64_t i, int64_t j, double near, double error, double radius,
                                double other_radius) const {
    if (std::max(near - error, 0.0) > std::max(radius, other_radius)) return {};
    const bool clear = std::abs(near - radius) > error && std::abs(near - other_radius) > error;
    return clear ? near : exact(i, j);
  }

  // visit(i, j, near, error), the distance being within `error` of `near`, for all pairs, or (of a set with
  // itself) all pairs i < j, whose distance may be no more than the greater of of_a[i] and of_b[j], and a few
  // others. `visit` may lower the limits as it goes.
  template <class F>
  void for_near(bool once, const std::vector<float>& of_a, const std::vector<float>& of_b, F&& visit) const {
    bool fine = false;  // in float64
    for_blocks(b_.size(0), 4096, [&](int64_t j0, int64_t columns) {
      Part block = part(b_, j0, columns, fine);
      for_blocks(once ? j0 + columns : a_.size(0), 512, [&](int64_t i0, int64_t rows) {
        const Part a = part(a_, i0, rows, fine);
        // Of a set with itself the columns before the first row have been seen as rows.
        const int64_t skip = once ? std::max<int64_t>(0, i0 - j0) : 0;
        Part b = without(block, skip);
        int64_t done = 0;
        if (!fine && a.representable && b.representable) done = scan<float>(a, b, once, of_a, of_b, visit);
        if (done == rows) return;
        // Too much is within the rounding of float32, here and most likely from here on.
        if (!fine) b = without(block = part(b_, j0, columns, true), skip);
        fine = true;
        scan<double>(part(a_, i0 + done, rows - done, true), b, once, of_a, of_b, visit);
      });
    });
  }

 private:
  // Some rows less the origin.
  struct Part {
    int64_t first;
    Tensor rows, norms;
    bool representable;  // no square was too large
  };
  Part part(const Tensor& set, int64_t first, int64_t count, bool fine) const {
    const DType dtype = fine ? DType::float64 : DType::float32;
    Part p{first, to(narrow(set, 0, first, count), dtype) - to(origin_, dtype), {}, true};
    p.norms = sum(square(p.rows), IntList(1));
    p.representable = max(p.norms).item() < 1e37;
    return p;
  }

  static Part without(const Part& p, int64_t skip) {
    const int64_t left = p.norms.size(0) - skip;
    return {p.first + skip, narrow(p.rows, 0, skip, left), narrow(p.norms, 0, skip, left), p.representable};
  }

  // The number of rows done: not all of them when it is cheaper to go on with more digits.
  template <class T, class F>
  int64_t scan(const Part& a, const Part& b, bool once, const std::vector<float>& of_a,
               const std::vector<float>& of_b, F& visit) const {
    // Sums of `width_` products are off by less than this share of |a|^2 + |b|^2, but for what underflows.
    const T share = std::numeric_limits<T>::epsilon() * static_cast<T>(width_ + 8);
    const T least = std::numeric_limits<T>::min() * static_cast<T>(width_ + 8);
    const Tensor products = mm(a.rows, transpose(b.rows, 0, 1));
    const std::span<T> na = a.norms.data<T>(), nb = b.norms.data<T>();
    const size_t columns = nb.size();
    const float* limits = of_b.data() + b.first;
    std::vector<T> lower(columns);  // what column j adds to the lower bounds of its distances
    for (size_t j = 0; j < columns; ++j) lower[j] = nb[j] * (1 - share) - least;
    const int64_t allowed = exact_ + static_cast<int64_t>(na.size() * columns / 64);
    const T* dot = products.data<T>().data();
    for (size_t i = 0; i < na.size(); ++i, dot += columns) {
      if (std::is_same_v<T, float> && exact_ > allowed) return static_cast<int64_t>(i);
      const int64_t row = a.first + static_cast<int64_t>(i);
      const float& limit = of_a[static_cast<size_t>(row)];
      const T own = na[i] * (1 - share);
      const auto pair = [&](size_t j) {
        if (lower[j] - 2 * dot[j] <= static_cast<T>(std::max(limit, limits[j])) - own)
          visit(row, b.first + static_cast<int64_t>(j), static_cast<double>(na[i] + nb[j] - 2 * dot[j]),
                static_cast<double>(share * (na[i] + nb[j]) + least));
      };
      size_t j = once ? static_cast<size_t>(std::max<int64_t>(0, row + 1 - b.first)) : 0;
      for (; j + kStride <= columns; j += kStride)
        if (any_near(lower.data() + j, dot + j, limits + j, limit, own))
          for (size_t k = j; k < j + kStride; ++k) pair(k);
      for (; j < columns; ++j) pair(j);
    }
    return static_cast<int64_t>(na.size());
  }
  // Most strides have none: a loop of fixed length without a branch, which compilers turn into vectors.
  static constexpr size_t kStride = 64;
  template <class T>
  static bool any_near(const T* lower, const T* dot, const float* limits, float limit, T own) {
    int32_t found = 0;
    for (size_t k = 0; k < kStride; ++k) {
      const float greater = limit > limits[k] ? limit : limits[k];
      found += static_cast<int32_t>(lower[k] - 2 * dot[k] <= static_cast<T>(greater) - own);
    }
    return found != 0;
  }

  Tensor a_, b_, origin_;
  std::span<float> x_, y_;
  size_t width_;
  mutable int64_t exact_ = 0;  // distances computed from the differences
};

// Squared distance of each sample to its k-th nearest other one.
class Radii {
 public:
  Radii(const Tensor& x, int64_t k)
      : distances_(x, x),
        k_(static_cast<size_t>(k)),
        lists_(static_cast<size_t>(x.size(0))),
        limits_(lists_.size(), std::numeric_limits<float>::infinity()) {
    for (Nearest& list : lists_) list.exact.assign(k_, kInfinity), list.upper.assign(k_, kInfinity);
  }

  std::vector<double> find() {
    distances_.for_near(true, limits_, limits_, [&](int64_t i, int64_t j, double near, double error) {
      offer(i, j, near, error);
      offer(j, i, near, error);
    });
    std::vector<double> radii;
    for (size_t i = 0; i < lists_.size(); ++i) {
      settle(static_cast<int64_t>(i));
      radii.push_back(lists_[i].exact.back());
    }
    return radii;
  }

 private:
  static constexpr double kInfinity = std::numeric_limits<double>::infinity();
  struct Nearest {
    std::vector<double> exact, upper;  // the k least distances, and the k least upper bounds, ascending
    std::vector<std::pair<int64_t, double>> open;  // others whose distance may count, with their lower bounds
    double limit() const { return std::min(exact.back(), upper.back()); }
  };

  void offer(int64_t i, int64_t j, double near, double error) {
    Nearest& list = lists_[static_cast<size_t>(i)];
    const double lower = std::max(0.0, near - error);
    if (lower >= list.limit()) return;
    insert(list.upper, near + error);
    list.open.emplace_back(j, lower);
    if (list.open.size() >= 4 * k_ + 32) {
      drop_far(list);
      if (list.open.size() >= 2 * k_ + 16) settle(i);
    }
    limits_[static_cast<size_t>(i)] = rounded_up(list.limit());
  }
  void settle(int64_t i) {
    Nearest& list = lists_[static_cast<size_t>(i)];
    drop_far(list);
    for (const auto& [j, lower] : list.open) insert(list.exact, distances_.exact(i, j));
    list.open.clear();
  }
  static void drop_far(Nearest& list) {
    const double limit = list.limit();
    std::erase_if(list.open, [&](const auto& other) { return other.second > limit; });
  }
  static void insert(std::vector<double>& ascending, double value) {
    if (value >= ascending.back()) return;
    const auto at = std::upper_bound(ascending.begin(), ascending.end(), value);
    std::copy_backward(at, ascending.end() - 1, ascending.end());
    *at = value;
  }

  Distances distances_;
  size_t k_;
  std::vector<Nearest> lists_;
  std::vector<float> limits_;  // of the lists, as for_near takes them
};
inline std::vector<double> radii(const Tensor& x, int64_t k) { return Radii(x, k).find(); }

// Share of the flags that are set.
inline double share(const std::vector<uint8_t>& flags) {
  return static_cast<double>(std::count(flags.begin(), flags.end(), 1)) / static_cast<double>(flags.size());
}

}  // namespace saddle
#pragma GCC visibility pop
