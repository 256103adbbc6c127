// The Gaussian fitted to a set of features, and the Frechet distance of other sets from it.
#pragma once
#include "features.hpp"

#include <cmath>
#include <limits>

#pragma GCC visibility push(hidden)
namespace saddle {

// Mean and covariance of rows that come a block at a time, in float64: one pass, and of the symmetric matrix
// of products only the half that is not the other's mirror.
class Moments {
 public:
  // Rows as wide as `shift`, which was subtracted from them: the nearer to the mean, the less is lost to
  // rounding.
  explicit Moments(Tensor shift) : shift_(std::move(shift)), width_(shift_.size(0)) {
    sum_ = zeros({1, width_}, DType::float64);
    for (int64_t first = 0; first < width_; first += kStripe)
      stripes_.push_back(zeros({stripe(first), first + stripe(first)}, DType::float64));
  }

  void add(const Tensor& shifted) {
    count_ += shifted.size(0);
    const Tensor turned = transpose(shifted, 0, 1);
    sum_ = addmm(sum_, ones({1, shifted.size(0)}, DType::float64), shifted);
    for (size_t i = 0; i < stripes_.size(); ++i) {
      const int64_t first = static_cast<int64_t>(i) * kStripe, width = stripe(first);
      stripes_[i] = addmm(stripes_[i], narrow(turned, 0, first, width), narrow(shifted, 1, 0, first + width));
    }
  }

  Tensor mean() const { return shift_ + offset(); }
  // Of at least two rows, with N - 1.
  Tensor covariance() const {
    const Tensor half = tril(lower_half(stripes_, width_)), mirrored = transpose(tril(half, -1), 0, 1);
    const Tensor d = offset();
    const auto n = static_cast<double>(count_);
    return div(half + mirrored - n * (reshape(d, {width_, 1}) * d), n - 1);
  }

  static constexpr int64_t kStripe = 256;
  // A square matrix of rows that end at the diagonal, some of them in each stripe.
  static Tensor lower_half(std::vector<Tensor> stripes, int64_t width) {
    for (Tensor& stripe : stripes)
      if (const int64_t rest = width - stripe.size(1); rest > 0)
        stripe = cat(std::vector{stripe, zeros({stripe.size(0), rest}, DType::float64)}, 1);
    return cat(stripes, 0);
  }

 private:
  int64_t stripe(int64_t first) const { return std::min(kStripe, width_ - first); }
  // Of the mean from the shift.
  Tensor offset() const { return reshape(div(sum_, static_cast<double>(count_)), {width_}); }

  Tensor shift_;
  int64_t width_, count_ = 0;
  Tensor sum_;
  std::vector<Tensor> stripes_;  // of the lower half of the sum of products: 256 rows, up to the diagonal
};

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
    const int64_t n = x.size(0), d = x.size(1);
    if (n > d) {
      const Moments moments = moments_of(x);
      mean_ = moments.mean();
      const Tensor s = moments.covariance();
      trace_ = trace(s).item();
      root_ = root_of(s);
    } else {
      // Fewer samples than features: S = X' X has the eigenvectors X' u of the small matrix X X'.
      mean_ = mean_row(x);
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
    const int64_t n = x.size(0), d = x.size(1), rank = root_.size(1);
    Tensor mean, product;
    double fake_trace = 0;
    if (n > d && 2 * rank > d) {
      const Moments moments = moments_of(x);
      const Tensor s = moments.covariance();
      mean = moments.mean();
      fake_trace = trace(s).item();
      product = triangular_ ? within(s, root_) : mm(transpose(root_, 0, 1), mm(s, root_));
    } else {
      // Y = X C is narrower than X; and where it has fewer rows than columns, Y Y' is smaller than Y' Y.
      mean = mean_row(x);
      const bool wide = n <= rank;
      Moments projected(zeros({wide ? 0 : rank}, DType::float64));
      for_blocks(n, wide ? n : kBlock, [&](int64_t first, int64_t count) {
        const Tensor centered = rows(x, first, count) - mean;
        fake_trace += sum(square(centered)).item() / static_cast<double>(n - 1);
        const Tensor y = mm(centered, root_);
        if (wide)
          product = div(mm(y, transpose(y, 0, 1)), static_cast<double>(n - 1));
        else
          projected.add(y);
      });
      if (!wide && rank > 0) product = projected.covariance();
    }
    // What is negative is rounding: the matrix is positive semidefinite.
    const double cross = rank == 0 ? 0 : sum(sqrt(clamp(linalg_eigvalsh(product), Scalar(0.0)))).item();
    const double shift = sum(square(mean - mean_)).item();
    return std::max(0.0, shift + trace_ + fake_trace - 2 * cross);
  }

 private:
  static constexpr int64_t kBlock = 1024;

  static Moments moments_of(const Tensor& x) {
    const Tensor shift = mean_row(narrow(x, 0, 0, std::min(kBlock, x.size(0))));
    Moments moments(shift);
    for_blocks(x.size(0), kBlock,
               [&](int64_t first, int64_t count) { moments.add(rows(x, first, count) - shift); });
    return moments;
  }
  // C of C C' = s: Cholesky's where every feature adds something of its own, else of eigenvectors, which
  // takes ten times as long.
  Tensor root_of(const Tensor& s) {
    if (Tensor c = cholesky(s)) {
      triangular_ = true;
      return c;
    }
    const auto [values, vectors] = linalg_eigh(s);
    const int64_t d = s.size(0), rank = rank_of(values);
    return narrow(vectors, 1, d - rank, rank) * sqrt(narrow(values, 0, d - rank, rank));
  }
  static Tensor cholesky(const Tensor& s) {
    Tensor c;
    try {
      c = linalg_cholesky(s);
    } catch (const Cancelled&) {
      throw;
    } catch (const Error&) {
      return {};  // not positive definite
    }
    // What is left of a feature's variance when those before it are known must be more than rounding.
    const Tensor left = div(square(diagonal(c)), diagonal(s));
    return min(left).item() > 1e-10 ? c : Tensor();
  }
  // The lower half of C' S C, without the products with what is zero above the diagonal of C.
  static Tensor within(const Tensor& s, const Tensor& c) {
    const int64_t d = c.size(0);
    std::vector<Tensor> columns, rows;
    for_blocks(d, Moments::kStripe, [&](int64_t first, int64_t count) {
      columns.push_back(
          mm(narrow(s, 1, first, d - first), narrow(narrow(c, 0, first, d - first), 1, first, count)));
    });
    const Tensor sc = cat(columns, 1);
    for_blocks(d, Moments::kStripe, [&](int64_t first, int64_t count) {
      const Tensor below = narrow(narrow(c, 0, first, d - first), 1, first, count);
      rows.push_back(
          mm(transpose(below, 0, 1), narrow(narrow(sc, 0, first, d - first), 1, 0, first + count)));
    });
    return Moments::lower_half(rows, d);
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
  bool triangular_ = false;  // root_ is zero above the diagonal
};

}  // namespace saddle
#pragma GCC visibility pop
