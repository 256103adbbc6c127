// Tensors from safetensors files, such as pretrained weights. Extension saddle.weights/1.
#pragma once
#include <saddle/tensor.hpp>

#include <memory>

#pragma GCC visibility push(hidden)
namespace saddle {

namespace detail {
template <>
struct IdOf<saddle_weights_extension> {
  static constexpr const char* value = SADDLE_EXTENSION_WEIGHTS;
};
}  // namespace detail

// A file, opened and checked; a damaged one, and a name that is not in it, throw Error with the reason. A
// relative path is taken from the folder in which saddle was started.
//   Weights file(b.get<std::string>("weights"));
//   Tensor kernel = file["conv1.weight"];
template <int = 0>
class WeightsFile {
 public:
  explicit WeightsFile(const std::string& path) {
    saddle_weights* file = nullptr;
    detail::check(table().open(path.c_str(), &file));
    file_.reset(file);
  }
  // In the order of the file.
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (uint32_t i = 0; i < table().count(file_.get()); ++i) all.push_back(table().name(file_.get(), i));
    return all;
  }
  bool contains(std::string_view name) const {
    for (uint32_t i = 0; i < table().count(file_.get()); ++i)
      if (table().name(file_.get(), i) == name) return true;
    return false;
  }
  // A copy on the trial's device, in the type that the file has.
  Tensor operator[](const std::string& name) const {
    saddle_tensor* tensor = nullptr;
    detail::check(table().read(file_.get(), name.c_str(), &tensor));
    return Tensor::own(tensor);
  }

 private:
  static const saddle_weights_extension& table() { return detail::extension<saddle_weights_extension>(); }
  struct Close {
    void operator()(saddle_weights* file) const { table().close(file); }
  };
  std::unique_ptr<saddle_weights, Close> file_;
};
using Weights = WeightsFile<>;

}  // namespace saddle
#pragma GCC visibility pop
