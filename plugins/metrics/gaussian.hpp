// The Gaussian fitted to a set of features, and the Frechet distance of other sets from it.
#pragma once
#include "features.hpp"

#include <cmath>
#include <limits>

#pragma GCC visibility push(hidden)
namespace saddle {

// Frechet distance of two Gaussians (Dowson and Landau 1982) fitted to features; with Inception's features
// this is the FID of Heusel et al. 2017:
//   |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1^(1/2) S2 S1^(1/2))^(1/2)
//
// With S1 = C C', the last trace is that of (C' S2 C)^(1/2): a symmetric matrix,
// whose eigenvalues are real, and which needs no more rows than S1 has rank. The
// square root of the product S1 S2 itself gets imaginary parts by rounding, and
// near-identical sets then give distances below zero.
class Gaussian {
 public:
  Gaussian() = default;
  // Of at least two finite rows.
  explicit Gaussian(const Tensor& x) {
    mean_ = mean_row(x);
    const int64_t n = x.size(0), d = x.size(1);
    if (n > d) {
      const Tensor s = covariance(x, mean_);
      trace_ = trace(s).item();
      const auto [values, vectors] = linalg_eigh(s);
      const int64_t rank = rank_of(values);
      root_ = narrow(vectors, 1, d - rank, rank) * sqrt(narrow(values, 0, d - rank, rank));
    } else {
      // Fewer samples than features: S = X' X has the eigenvectors X' u of the small matrix X X'.
      const Tensor centered = div(rows(x, 0, n) - mean_, std::sqrt(static_cast<double>(n - 1)));
      trace_ = sum(square(centered)).item();
      const auto [values, vectors] = linalg_eigh(mm(centered, transpose(centered, 0, 1)));
      const int64_t rank = rank_of(values);
      root_ = mm(transpose(centered, 0, 1), narrow(vectors, 1, n - rank, rank));
    }
  }

  int64_t width() const { return mean_.size(0); }

  // From the Gaussian of at least two other finite rows.
  double distance(const Tensor& x) const {
    const Tensor mean = mean_row(x);
    const auto divisor = static_cast<double>(x.size(0) - 1);
    const int64_t rank = root_.size(1);
    const bool wide = x.size(0) <= rank;  // then the product Y Y' is the smaller of the two
    double fake_trace = 0;
    Tensor product = wide ? Tensor() : zeros({rank, rank}, DType::float64);
    for_blocks(x.size(0), wide ? x.size(0) : 4096, [&](int64_t first, int64_t count) {
      const Tensor centered = rows(x, first, count) - mean;
      fake_trace += sum(square(centered)).item() / divisor;
      const Tensor y = mm(centered, root_);
      product = wide ? mm(y, transpose(y, 0, 1)) : product + mm(transpose(y, 0, 1), y);
    });
    // What is negative is rounding: the matrix is positive semidefinite.
    const double cross =
        rank == 0 ? 0 : sum(sqrt(clamp(linalg_eigvalsh(div(product, divisor)), Scalar(0.0)))).item();
    const double shift = sum(square(mean - mean_)).item();
    return std::max(0.0, shift + trace_ + fake_trace - 2 * cross);
  }

 private:
  static Tensor covariance(const Tensor& x, const Tensor& mean) {
    Tensor s = zeros({x.size(1), x.size(1)}, DType::float64);
    for_blocks(x.size(0), 4096, [&](int64_t first, int64_t count) {
      const Tensor centered = rows(x, first, count) - mean;
      s = addmm(s, transpose(centered, 0, 1), centered);
    });
    return div(s, static_cast<double>(x.size(0) - 1));
  }
  // Eigenvalues, ascending, that are more than rounding.
  static int64_t rank_of(const Tensor& values) {
    const std::span<double> all = contiguous(values).data<double>();
    const double least =
        std::numeric_limits<double>::epsilon() * static_cast<double>(all.size()) * all.back();
    return std::count_if(all.begin(), all.end(), [&](double v) { return v > std::max(least, 0.0); });
  }

  Tensor mean_;  // [n]
  Tensor root_;  // [n, rank]: root_ root_' is the covariance
  double trace_ = 0;
};

}  // namespace saddle
#pragma GCC visibility pop
