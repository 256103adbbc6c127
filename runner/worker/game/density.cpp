#include <game/density.hpp>

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include <common/error.hpp>

namespace saddle::worker {
namespace {

const double kLogTwoPi = std::log(2 * std::acos(-1.0));

at::Tensor checked(const at::Tensor& rows, int64_t least, const char* what) {
  if (rows.size(0) < least)
    throw Error(std::string(what) + " needs at least " + std::to_string(least) + " samples; there are " +
                std::to_string(rows.size(0)));
  return rows.to(at::kCPU, at::kDouble);
}

}  // namespace

at::Tensor gaussian_density(const at::Tensor& rows, double regularisation) {
  const at::Tensor x = checked(rows, 1, "a Gaussian");
  const int64_t n = x.size(0), d = x.size(1);
  const at::Tensor away = x - x.mean(0, true);
  at::Tensor covariance = away.t().mm(away).div_(static_cast<double>(n));
  covariance.diagonal().add_(regularisation);
  const auto [root, failed] = at::linalg_cholesky_ex(covariance);
  if (failed.item<int64_t>() != 0)
    throw Error("the covariance of " + std::to_string(n) + " samples in " + std::to_string(d) +
                " dimensions is singular; raise \"regularisation\"");
  const at::Tensor whitened = at::linalg_solve_triangular(root, away.t(), /*upper=*/false);
  const at::Tensor log_determinant = 2 * root.diagonal().log().sum();
  return -0.5 * (whitened.square().sum(0) + log_determinant + static_cast<double>(d) * kLogTwoPi);
}

at::Tensor ppca_density(const at::Tensor& rows, double variance) {
  const at::Tensor x = checked(rows, 2, "PPCA");
  const int64_t n = x.size(0), d = x.size(1), rank = std::min(n, d);
  const at::Tensor away = x - x.mean(0, true);
  at::Tensor values, directions;  // of the covariance, the largest first; one direction a column
  if (n < d) {
    const auto [u, s, v] = at::linalg_svd(away, /*full_matrices=*/false);
    values = s.square();
    directions = v.t();
  } else {
    const auto [ascending, vectors] = at::linalg_eigh(away.t().mm(away));
    values = ascending.flip(0).clamp_min(0);
    directions = vectors.flip(1);
  }
  values = values / static_cast<double>(n - 1);
  const double total = values.sum().item<double>();
  if (!(total > 0)) return at::zeros({n}, at::kDouble);  // all rows are the same
  const at::Tensor share = values.cumsum(0) / total;
  const int64_t kept = std::min(rank, share.le(variance).sum().item<int64_t>() + 1);
  const at::Tensor main = values.slice(0, 0, kept);
  const double noise = kept < rank ? values.slice(0, kept).mean().item<double>() : 0;
  const at::Tensor along = away.mm(directions.slice(1, 0, kept)).square();
  at::Tensor squares = (along / main).sum(1);
  double log_determinant = main.log().sum().item<double>();
  if (noise > 0) {
    squares = squares + (away.square().sum(1) - along.sum(1)).clamp_min(0) / noise;
    log_determinant += static_cast<double>(d - kept) * std::log(noise);
  }
  return -0.5 * (squares + log_determinant + static_cast<double>(d) * kLogTwoPi);
}

at::Tensor neighbour_density(const at::Tensor& rows, int64_t k) {
  const at::Tensor x = checked(rows, k + 1, (std::to_string(k) + " neighbours").c_str());
  constexpr int64_t kRows = 1024;  // bounds the matrix of distances
  const int64_t n = x.size(0);
  at::Tensor scores = at::empty({n}, at::kDouble);
  for (int64_t first = 0; first < n; first += kRows) {
    const int64_t count = std::min(kRows, n - first);
    at::Tensor distances = at::cdist(x.narrow(0, first, count), x);
    distances.diagonal(first).fill_(std::numeric_limits<double>::infinity());
    scores.narrow(0, first, count).copy_(-std::get<0>(distances.kthvalue(k, 1)));
  }
  return scores;
}

}  // namespace saddle::worker
