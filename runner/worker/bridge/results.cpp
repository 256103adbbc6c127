#include <bridge/results.hpp>

namespace saddle::worker {
namespace {

const char* type_name(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return "float32";
    case at::kDouble:
      return "float64";
    case at::kHalf:
      return "float16";
    case at::kBFloat16:
      return "bfloat16";
    case at::kLong:
      return "int64";
    case at::kInt:
      return "int32";
    case at::kByte:
      return "uint8";
    case at::kBool:
      return "bool";
    default:
      return c10::toString(type);
  }
}

[[noreturn]] void fail(const std::string& who, const std::string& what, const std::string& name,
                       const at::Tensor& t, const std::string& expected) {
  throw BadResult(who + ": its " + what + " '" + name + "' is " + tensor_text(t) + "; expected " + expected);
}

void check_device(const std::string& who, const char* what, const std::string& name, const at::Tensor& t,
                  at::Device device) {
  if (t.device().type() != device.type()) fail(who, what, name, t, "it on " + device.str());
}

bool reduced(at::ScalarType type) { return type == at::kBFloat16 || type == at::kHalf; }

}  // namespace

std::string tensor_text(const at::Tensor& t) {
  std::string text = std::string(type_name(t.scalar_type())) + " [";
  for (int64_t d = 0; d < t.dim(); ++d) text += (d ? ", " : "") + std::to_string(t.size(d));
  return text + "] on " + t.device().str();
}

void check_output(const std::string& who, const std::string& name, const at::Tensor& t, int64_t n,
                  at::ScalarType like, at::Device device) {
  check_device(who, "output", name, t, device);
  if (n >= 0 && (t.dim() < 1 || t.size(0) != n))
    fail(who, "output", name, t, "the " + std::to_string(n) + " samples of the batch as its first dimension");
  const at::ScalarType type = t.scalar_type();
  const bool number = name != "image" && name != "logit" && name != "features" && type == at::kLong;
  const bool floating =
      at::isFloatingType(type) && (like == at::ScalarType::Undefined || type == like || reduced(type));
  if (number || floating) return;
  const at::ScalarType due = like == at::ScalarType::Undefined ? at::kFloat : like;
  fail(who, "output", name, t,
       std::string(type_name(due)) + (at::isFloatingType(type) ? ", as its inputs" : ""));
}

void check_same_kind(const std::string& who, const std::string& name, const at::Tensor& t,
                     const at::Tensor& given) {
  if (t.sizes() != given.sizes() || t.scalar_type() != given.scalar_type() || t.device() != given.device())
    fail(who, "output", name, t, "what it was given: " + tensor_text(given));
}

void check_term(const std::string& who, const std::string& name, const at::Tensor& t, at::Device device) {
  check_device(who, "term", name, t, device);
  if (t.numel() != 1) fail(who, "term", name, t, "one number");
  if (!at::isFloatingType(t.scalar_type())) fail(who, "term", name, t, "a floating point number");
}

void check_labels(const std::string& who, const at::Tensor& labels, int64_t classes) {
  const auto* begin = labels.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < labels.numel(); ++i)
    if (begin[i] < 0 || begin[i] >= classes)
      throw Error(who + ": fill gave sample " + std::to_string(i) + " of " + std::to_string(labels.numel()) +
                  " the label " + std::to_string(begin[i]) + "; expected 0 to " +
                  std::to_string(classes - 1));
}

}  // namespace saddle::worker
