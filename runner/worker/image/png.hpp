#pragma once
#include <ATen/core/Tensor.h>

#include <filesystem>

namespace saddle::worker {

// Writes a uint8 tensor [height, width, channels], 1 channel (grey) or 3 (RGB),
// as a PNG: to a temporary name, then renamed. Throws Error when the shape is
// another or (exit code 3) when the disk refuses.
void write_png(const std::filesystem::path& file, const at::Tensor& image);

// Such a file again: uint8 [height, width, channels], 1 channel for a grey PNG, else 3. Throws Error.
at::Tensor read_png(const std::filesystem::path& file);

}  // namespace saddle::worker
