#pragma once
#include <ATen/core/Tensor.h>

#include <map>
#include <string>

#include <nlohmann/json.hpp>

namespace saddle::worker {

// Makes "cpu" or "cuda" the trial's device. For cuda LibTorch's CUDA part is
// opened here, before the first query of the process: LibTorch would otherwise
// remember that there is none. Throws saddle::Error with the reason.
void open_device(const std::string& device);

// {"available": bool, "reason": text, "devices": [...]}: for `saddle doctor`.
nlohmann::json cuda_report();

// The name of a tensor with a NaN or an infinity, or "". On a GPU one launch
// finds out whether there is any, and one number is fetched.
std::string first_nonfinite(const std::map<std::string, at::Tensor>& tensors);

}  // namespace saddle::worker
