#include <commands/one_shot.hpp>

#include <algorithm>
#include <iostream>
#include <new>

#include <bridge/host.hpp>
#include <common/error.hpp>
#include <common/nearest.hpp>
#include <train/safetensors.hpp>

namespace saddle::worker {

int one_shot(const std::function<void(const Request&)>& answer) {
  const auto fail = [](const std::string& message, int code) {
    std::cout.flush();
    std::cerr << "saddle: " << message << '\n';
    return code;
  };
  try {
    answer(Request::parse(std::cin));
    std::cout.flush();
    if (!std::cout) throw Error("cannot write to standard output", kEnvironment);
    return kOk;
  } catch (const Error& e) {
    return fail(e.what(), e.exit_code);
  } catch (const std::bad_alloc&) {
    return fail("out of memory", kEnvironment);
  } catch (const std::exception& e) {
    return fail(message_of(e), kBadInput);
  }
}

const Component& open_component(const Request& component) {
  return find_component(component.at("file").get<std::string>(), component.at("kind").get<std::string>(),
                        component.at("name").get<std::string>());
}

std::string list_text(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return list.empty() ? "nothing" : list;
}

std::string shape_text(at::IntArrayRef shape) {
  std::string list = "[";
  for (const int64_t size : shape) list += (list.size() > 1 ? ", " : "") + std::to_string(size);
  return list + "]";
}

TensorFile TensorFile::read(const std::filesystem::path& path) {
  return {path, train::read_safetensors(path).tensors};
}

std::string TensorFile::contents() const {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors) names.push_back(name);
  return "the file has: " + list_text(names);
}

const at::Tensor& TensorFile::at(const std::string& name) const {
  const auto found = tensors.find(name);
  if (found != tensors.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [other, tensor] : tensors) names.push_back(other);
  const std::string near = nearest(name, names);
  throw Error(path.string() + ": there is no tensor \"" + name + "\"" +
              (near.empty() ? "" : "; nearest: \"" + near + "\"") + "; " + contents());
}

bool TensorFile::any_double() const {
  return std::any_of(tensors.begin(), tensors.end(),
                     [](const auto& entry) { return entry.second.scalar_type() == at::kDouble; });
}

std::string text(const Request& request, const char* key) {
  const auto found = request.find(key);
  return found == request.end() || found->is_null() ? std::string() : found->get<std::string>();
}

}  // namespace saddle::worker
