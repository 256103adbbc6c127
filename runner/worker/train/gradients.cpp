#include "train/gradients.hpp"

#include <c10/core/GradMode.h>

#include <stdexcept>
#include <unordered_set>

namespace saddle::train {

std::vector<at::Tensor> collect_gradients(const std::vector<at::Tensor>& parameters,
                                          std::vector<at::Tensor> gradients) {
  if (gradients.size() != parameters.size())
    throw std::logic_error("collect_gradients takes one gradient for each parameter");
  const c10::NoGradGuard no_grad;
  std::unordered_set<const void*> taken;
  for (const at::Tensor& parameter : parameters) taken.insert(parameter.storage().unsafeGetStorageImpl());
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    const at::Tensor& parameter = parameters[i];
    at::Tensor& gradient = gradients[i];
    if (!gradient.defined()) {
      gradient = at::zeros_like(parameter, at::MemoryFormat::Preserve);
      continue;
    }
    gradient = gradient.detach();
    if (gradient.layout() != at::kStrided) gradient = gradient.to_dense();
    if (gradient.sizes() != parameter.sizes())
      throw std::logic_error("a gradient has another shape than its parameter");
    const bool alike = gradient.strides() == parameter.strides() &&
                       gradient.scalar_type() == parameter.scalar_type() &&
                       gradient.device() == parameter.device();
    if (alike && taken.insert(gradient.storage().unsafeGetStorageImpl()).second) continue;
    at::Tensor own = at::empty_like(parameter, at::MemoryFormat::Preserve);
    gradient = own.copy_(gradient);
  }
  return gradients;
}

at::Tensor gradient_norm(const std::vector<at::Tensor>& gradients) {
  if (gradients.empty()) return at::zeros({});
  const c10::NoGradGuard no_grad;
  return at::linalg_vector_norm(at::stack(at::_foreach_norm(gradients, 2)));
}

std::vector<at::Tensor> clip_gradients(const std::vector<at::Tensor>& gradients, const at::Tensor& norm,
                                       double max_norm) {
  if (gradients.empty()) return {};
  const c10::NoGradGuard no_grad;
  return at::_foreach_mul(gradients, (max_norm / (norm + 1e-6)).clamp_max(1));
}

}  // namespace saddle::train
