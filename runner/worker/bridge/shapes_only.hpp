#pragma once
#include <ATen/core/Tensor.h>

#include <optional>

// Convolutions and matrix products as plugins call them.
namespace saddle::worker {

// While it lives, they compute one pixel of their output, from a corner of the input, or the first row of a
// large one, and repeat it: shapes, types, graphs and refusals are those of the whole, numbers are not. For
// proofs, of which they are nearly all the time.
class ShapesOnly {
 public:
  ShapesOnly();
  ~ShapesOnly();
  ShapesOnly(const ShapesOnly&) = delete;
  ShapesOnly& operator=(const ShapesOnly&) = delete;
};

at::Tensor conv2d(const at::Tensor& input, const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                  at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation, int64_t groups);
at::Tensor conv_transpose2d(const at::Tensor& input, const at::Tensor& weight,
                            const std::optional<at::Tensor>& bias, at::IntArrayRef stride,
                            at::IntArrayRef padding, at::IntArrayRef output_padding, int64_t groups,
                            at::IntArrayRef dilation);
at::Tensor mm(const at::Tensor& self, const at::Tensor& other);
at::Tensor bmm(const at::Tensor& self, const at::Tensor& other);
at::Tensor matmul(const at::Tensor& self, const at::Tensor& other);

}  // namespace saddle::worker
