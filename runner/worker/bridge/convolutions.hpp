#pragma once
#include <ATen/core/Tensor.h>

#include <optional>

// Convolutions as plugins call them.
namespace saddle::worker {

// While it lives, convolutions of this process compute the first pixel of their output and repeat it: shapes,
// types, graphs and refusals are those of the whole, numbers are not. For proofs, of which convolutions are
// nearly all the time.
class OnePixelConvolutions {
 public:
  OnePixelConvolutions();
  ~OnePixelConvolutions();
  OnePixelConvolutions(const OnePixelConvolutions&) = delete;
  OnePixelConvolutions& operator=(const OnePixelConvolutions&) = delete;
};

at::Tensor conv2d(const at::Tensor& input, const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                  at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation, int64_t groups);
at::Tensor conv_transpose2d(const at::Tensor& input, const at::Tensor& weight,
                            const std::optional<at::Tensor>& bias, at::IntArrayRef stride,
                            at::IntArrayRef padding, at::IntArrayRef output_padding, int64_t groups,
                            at::IntArrayRef dilation);

}  // namespace saddle::worker
