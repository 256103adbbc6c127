#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

// How densely other rows lie around each row of [n, d]: larger is denser. [n] in float64, on the CPU
// (DeVries et al. 2020, arXiv:2007.15255, section 3.2). All throw saddle::Error when there are too few rows.
namespace saddle::worker {

// The log-density of one Gaussian fitted to the rows; `regularisation` is added to its covariance's diagonal.
at::Tensor gaussian_density(const at::Tensor& rows, double regularisation);

// The same of a probabilistic PCA (Tipping and Bishop 1999) with as few components as explain more than
// `variance` of the rows' variance; the rest is its noise.
at::Tensor ppca_density(const at::Tensor& rows, double variance);

// Minus the distance to the k-th nearest other row.
at::Tensor neighbour_density(const at::Tensor& rows, int64_t k);

}  // namespace saddle::worker
