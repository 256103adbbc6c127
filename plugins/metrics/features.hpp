// What metrics on feature matrices share.
#pragma once
#include <saddle/metric.hpp>

#include <algorithm>
#include <string>

namespace saddle {

// The features as a contiguous [count, n] matrix of at least `least` rows.
inline Tensor feature_matrix(const Samples& samples, int64_t least, const char* metric, const char* set) {
  const Tensor& x = samples.features;
  if (x.dim() != 2) throw Error(std::string(metric) + " needs features of the form [count, n]");
  if (x.size(0) < least)
    throw Error(std::string(metric) + " needs at least " + std::to_string(least) + " samples; the " + set +
                " set has " + std::to_string(x.size(0)) + ": raise `samples`");
  return contiguous(x);
}
inline void check_width(int64_t real, int64_t fake) {
  if (real != fake)
    throw Error("the real samples have " + std::to_string(real) + " features, the fake ones " +
                std::to_string(fake));
}
// Some rows in float64.
inline Tensor rows(const Tensor& x, int64_t first, int64_t count) {
  return to(narrow(x, 0, first, count), DType::float64);
}
// Calls f(first, count) for all rows, a block at a time, so that no float64 copy of a whole set is made.
template <class F>
void for_blocks(int64_t total, int64_t block, F&& f) {
  for (int64_t first = 0; first < total; first += block) f(first, std::min(block, total - first));
}
inline bool is_finite(const Tensor& x) {
  bool finite = true;
  for_blocks(x.size(0), 1024, [&](int64_t first, int64_t count) {
    finite = finite && all(isfinite(narrow(x, 0, first, count))).item() != 0;
  });
  return finite;
}
inline void check_finite_reference(const Tensor& x) {
  if (!is_finite(x)) throw Error("the features of the real set hold NaN or infinity");
}
// Mean of the rows, [n], float64.
inline Tensor mean_row(const Tensor& x) {
  Tensor total = zeros({x.size(1)}, DType::float64);
  for_blocks(x.size(0), 4096, [&](int64_t first, int64_t count) {
    total = add(total, sum(rows(x, first, count), IntList(0)));
  });
  return div(total, x.size(0));
}

}  // namespace saddle
