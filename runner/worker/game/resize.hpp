#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string_view>

namespace saddle::worker {

// How pictures are brought to the side that a feature extractor wants. Numbers measured under two of these
// differ by up to a fifth (Parmar et al. 2022), so the mode is part of every protocol.
enum class Resize {
  none,      // pictures stay as they are
  legacy,    // TensorFlow 1's bilinear, as the FID was defined: source = place * in / out, nothing averaged
  clean,     // bicubic with antialiasing on floats, clipped: Pillow's on each channel, as clean-fid
  bilinear,  // half-pixel centres, no antialiasing: PyTorch's align_corners=False, as pytorch-fid
};
// Throws Error for an unknown name.
Resize resize_from_name(std::string_view name);

// Pictures [n, channels, height, width] in [-1, 1], float, to side x side.
at::Tensor resized(const at::Tensor& pictures, Resize mode, int64_t side);

}  // namespace saddle::worker
