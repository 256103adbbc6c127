#include "train/spectral.hpp"

#include <c10/core/GradMode.h>

#include <cmath>

namespace saddle::train {
namespace {

int64_t out_dimension(Layout layout) { return layout == Layout::conv_transpose ? 1 : 0; }

// Returns the length.
at::Tensor normalise_into(at::Tensor target, const at::Tensor& vector, double eps) {
  at::Tensor length = at::linalg_vector_norm(vector).clamp_min_(eps);
  at::div_out(target, vector, length);
  return length;
}

// A flat view that writes through: broadcast shapes have one long run of memory.
at::Tensor flat_v(const at::Tensor& v, Layout layout) { return spectral_matrix(v, layout).view({-1}); }

}  // namespace

at::Tensor spectral_matrix(const at::Tensor& weight, Layout layout) {
  at::Tensor turned = layout == Layout::conv_transpose ? weight.transpose(0, 1) : weight;
  if (turned.dim() == 4 && turned.is_contiguous(at::MemoryFormat::ChannelsLast))
    turned = turned.permute({0, 2, 3, 1});
  return turned.reshape({turned.size(0), -1});
}

at::Tensor from_spectral_matrix(const at::Tensor& matrix, const at::Tensor& weight, Layout layout) {
  const bool transposed = layout == Layout::conv_transpose;
  const at::Tensor turned = transposed ? weight.transpose(0, 1) : weight;
  const bool last = turned.dim() == 4 && turned.is_contiguous(at::MemoryFormat::ChannelsLast);
  at::Tensor folded = matrix.view(last ? turned.permute({0, 2, 3, 1}).sizes() : turned.sizes());
  if (last) folded = folded.permute({0, 3, 1, 2});
  return transposed ? folded.transpose(0, 1) : folded;
}

SingularVectors start_singular_vectors(const at::Tensor& weight, Layout layout, double eps,
                                       at::Generator generator) {
  const c10::NoGradGuard no_grad;
  const int64_t out = out_dimension(layout);
  std::vector<int64_t> u_shape(weight.dim(), 1), v_shape(weight.sizes().begin(), weight.sizes().end());
  u_shape[out] = weight.size(out);
  v_shape[out] = 1;
  at::Tensor u = at::empty(u_shape, weight.scalar_type()).normal_(0, 1, std::move(generator));
  SingularVectors vectors{u.to(weight.device()), at::zeros(v_shape, weight.options())};
  if (weight.dim() == 4 && weight.is_contiguous(at::MemoryFormat::ChannelsLast))
    vectors.v = vectors.v.contiguous(at::MemoryFormat::ChannelsLast);
  power_iteration(weight, layout, vectors, 15, eps);
  return vectors;
}

at::Tensor power_iteration(const at::Tensor& weight, Layout layout, SingularVectors& vectors, int iterations,
                           double eps) {
  const c10::NoGradGuard no_grad;
  const at::Tensor matrix = spectral_matrix(weight, layout), transposed = matrix.t();
  const at::Tensor u = vectors.u.view({-1}), v = flat_v(vectors.v, layout);
  if (iterations == 0) return at::dot(u, at::mv(matrix, v));
  at::Tensor sigma;
  for (int i = 0; i < iterations; ++i) {
    normalise_into(v, at::mv(transposed, u), eps);
    sigma = normalise_into(u, at::mv(matrix, v), eps);  // |W v| = u^T W v for this u
  }
  return sigma;
}

SingularVectors converged_vectors(const at::Tensor& weight, Layout layout, const SingularVectors& start,
                                  double eps) {
  const c10::NoGradGuard no_grad;
  const at::Tensor exact = weight.to(at::kDouble);
  SingularVectors vectors{start.u.to(at::kDouble, false, true), start.v.to(at::kDouble, false, true)};
  double before = 0;
  for (int done = 0; done < 2000; done += 10) {
    const double sigma = power_iteration(exact, layout, vectors, 10, eps).item<double>();
    if (std::abs(sigma - before) <= 1e-10 * std::abs(sigma)) break;
    before = sigma;
  }
  return {vectors.u.to(weight.scalar_type()), vectors.v.to(weight.scalar_type())};
}

}  // namespace saddle::train
