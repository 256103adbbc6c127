#pragma once
#include <ATen/ATen.h>

#include <vector>

namespace saddle::train {

// Makes what autograd returns safe for kernels that read raw memory
// (`_fused_adam_` took expanded or channels-last gradients silently wrong): one
// gradient for each parameter, with its shape, strides, dtype and device. An
// undefined one (the parameter was not used) becomes zeros, a sparse one dense.
// No two of them share memory with each other or with a parameter.
std::vector<at::Tensor> collect_gradients(const std::vector<at::Tensor>& parameters,
                                          std::vector<at::Tensor> gradients);

// The length of all gradients as one vector; a 0-d tensor on their device, not
// fetched. 0 for no gradients.
at::Tensor gradient_norm(const std::vector<at::Tensor>& gradients);

// Scales all gradients by min(1, max_norm / (norm + 1e-6)), as
// torch.nn.utils.clip_grad_norm_ does. Returns new tensors, does not wait for
// the device.
std::vector<at::Tensor> clip_gradients(const std::vector<at::Tensor>& gradients, const at::Tensor& norm,
                                       double max_norm);

}  // namespace saddle::train
