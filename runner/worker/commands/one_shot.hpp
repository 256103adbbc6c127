#pragma once
#include <ATen/ATen.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <bridge/loader.hpp>

// What the one-shot commands share.
namespace saddle::worker {

using Request = nlohmann::json;

// Reads the request from stdin and answers it. Whatever is thrown becomes one
// line on stderr and an exit code.
int one_shot(const std::function<void(const Request&)>& answer);

// {"file", "kind", "name", "parameters": its own, defaults filled in, "host": the host's keys beside them}
const Component& open_component(const Request& component);

// A list of names for messages: "a, b, c", or "nothing".
std::string list_text(const std::vector<std::string>& names);
// "[4, 3, 32, 32]".
std::string shape_text(at::IntArrayRef shape);

// The tensors of a safetensors file, by name, and how messages speak of them.
struct TensorFile {
  std::filesystem::path path;
  std::map<std::string, at::Tensor> tensors;

  static TensorFile read(const std::filesystem::path& path);
  // "the file has: a, b".
  std::string contents() const;
  // Throws Error, naming what is there, when it is not.
  const at::Tensor& at(const std::string& name) const;
  bool any_double() const;
};

// Text of a request, or "" when the key is absent or null.
std::string text(const Request& request, const char* key);

}  // namespace saddle::worker
