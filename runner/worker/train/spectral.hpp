#pragma once
#include <ATen/ATen.h>

#include "train/init.hpp"

namespace saddle::train {

// The (out, rest) matrix whose largest singular value spectral norm divides by.
// A view where the strides allow it. A transposed convolution's out dimension is
// moved to the front; an embedding (entries, width) is taken as it is.
//
// Channels-last convolution weights are flattened in memory order (kernel, in),
// so that nothing is copied: the order of the columns changes no singular value,
// and `v` is kept in the weight's own memory format, hence flattened alike.
at::Tensor spectral_matrix(const at::Tensor& weight, Layout layout);

// The tensor with the shape of `weight` whose spectral_matrix() is `matrix`; a view.
at::Tensor from_spectral_matrix(const at::Tensor& matrix, const at::Tensor& weight, Layout layout);

// Left and right singular vectors of a weight, as estimated so far. Shaped to
// broadcast against the weight: u has size 1 everywhere but in the out dimension,
// v has size 1 in the out dimension.
struct SingularVectors {
  at::Tensor u, v;
};

// A random u (drawn on the CPU), then 15 iterations, as
// torch.nn.utils.parametrizations.spectral_norm starts.
SingularVectors start_singular_vectors(const at::Tensor& weight, Layout layout, double eps,
                                       at::Generator generator);

// v <- normalise(W^T u), u <- normalise(W v), `iterations` times, in place
// (Miyato et al. 2018, algorithm 1). Returns sigma = u^T W v, a 0-d tensor. No
// graph; with 0 iterations only sigma is computed.
at::Tensor power_iteration(const at::Tensor& weight, Layout layout, SingularVectors& vectors, int iterations,
                           double eps);

// The largest singular value itself, iterated in float64 from `start` until it
// stands still (relative change below 1e-10 over 10 iterations, at most 2000), and its
// vectors in the weight's dtype. For weights that nobody keeps u, v for: an
// EMA copy's live u, v are stale (5.09 against 5.40 in a small run).
// Waits for the device; not for use inside a round.
SingularVectors converged_vectors(const at::Tensor& weight, Layout layout, const SingularVectors& start,
                                  double eps);

}  // namespace saddle::train
