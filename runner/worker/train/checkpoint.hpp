#pragma once
#include <ATen/ATen.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace saddle::train {

// All state of an attempt in one safetensors file: named tensors, and counters
// and identities as JSON under the metadata key "saddle".
struct Checkpoint {
  std::map<std::string, at::Tensor> tensors;
  nlohmann::json meta;
};

// Replaces FILE in one step; see write_safetensors.
void save_checkpoint(const std::filesystem::path& file, const std::map<std::string, at::Tensor>& tensors,
                     const nlohmann::json& meta);
// Throws Error for a damaged file, or for one that save_checkpoint did not write.
Checkpoint load_checkpoint(const std::filesystem::path& file);

// Adds `from` to `into` with each name prefixed. Throws Error when a name is taken.
void add_prefixed(std::map<std::string, at::Tensor>& into, const std::string& prefix,
                  const std::map<std::string, at::Tensor>& from);
// The tensors whose names begin with `prefix`, without it.
std::map<std::string, at::Tensor> with_prefix(const std::map<std::string, at::Tensor>& tensors,
                                              const std::string& prefix);

}  // namespace saddle::train
