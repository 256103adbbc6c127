#include "train/checkpoint.hpp"

#include "common/error.hpp"
#include "train/safetensors.hpp"

namespace saddle::train {

void save_checkpoint(const std::filesystem::path& file, const std::map<std::string, at::Tensor>& tensors,
                     const nlohmann::json& meta) {
  write_safetensors(file, tensors, {{"format", "saddle checkpoint 1"}, {"saddle", meta.dump()}});
}

Checkpoint load_checkpoint(const std::filesystem::path& file) {
  Safetensors stored = read_safetensors(file);
  const auto format = stored.metadata.find("format");
  if (format == stored.metadata.end() || format->second != "saddle checkpoint 1")
    throw Error(file.string() +
                ": not a checkpoint of this version of Saddle (its metadata has no format "
                "\"saddle checkpoint 1\")");
  Checkpoint checkpoint{std::move(stored.tensors), {}};
  try {
    checkpoint.meta = nlohmann::json::parse(stored.metadata.at("saddle"));
  } catch (const std::exception& error) {
    throw Error(file.string() + ": the checkpoint's metadata \"saddle\" is damaged: " + error.what());
  }
  return checkpoint;
}

void add_prefixed(std::map<std::string, at::Tensor>& into, const std::string& prefix,
                  const std::map<std::string, at::Tensor>& from) {
  for (const auto& [name, tensor] : from)
    if (!into.emplace(prefix + name, tensor).second)
      throw Error("tensor \"" + prefix + name + "\" is there twice");
}

std::map<std::string, at::Tensor> with_prefix(const std::map<std::string, at::Tensor>& tensors,
                                              const std::string& prefix) {
  std::map<std::string, at::Tensor> found;
  for (auto it = tensors.lower_bound(prefix); it != tensors.end() && it->first.starts_with(prefix); ++it)
    found.emplace(it->first.substr(prefix.size()), it->second);
  return found;
}

}  // namespace saddle::train
