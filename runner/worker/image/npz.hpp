#pragma once
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace saddle::worker {

// NumPy's .npz without compression: an array NAME.npy for each of the tensors (uint8, int64 or float32, on
// the CPU), as numpy.savez writes them. To a temporary name, then renamed. Throws Error past 4 GiB, the
// format's limit, or (exit code 3) when the disk refuses.
void write_npz(const std::filesystem::path& file,
               const std::vector<std::pair<std::string, at::Tensor>>& arrays);

}  // namespace saddle::worker
