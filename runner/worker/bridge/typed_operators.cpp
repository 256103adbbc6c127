#include <bridge/typed_operators.hpp>

#include <ATen/Operators.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/linear_native.h>

#include <algorithm>
#include <optional>
#include <unordered_map>

#include <bridge/handle.hpp>
#include <bridge/shapes_only.hpp>

namespace saddle::worker {
namespace {

// One argument as ATen's unboxed call wants it.
template <class T>
struct Read;
template <>
struct Read<const at::Tensor&> {
  static bool fits(const saddle_value& v) { return v.tag == SADDLE_TENSOR && v.as.tensor; }
  explicit Read(const saddle_value& v) : tensor(v.as.tensor) {}
  const at::Tensor& get() const { return *tensor; }
  Borrowed tensor;
};
template <>
struct Read<const std::optional<at::Tensor>&> {
  static bool fits(const saddle_value& v) {
    return v.tag == SADDLE_NONE || (v.tag == SADDLE_TENSOR && v.as.tensor);
  }
  // Borrowed, as above.
  explicit Read(const saddle_value& v) {
    if (v.tag == SADDLE_TENSOR)
      tensor.emplace(
          c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>::reclaim(impl(v.as.tensor)));
  }
  ~Read() {
    if (tensor) (void)tensor->unsafeReleaseTensorImpl();
  }
  Read(const Read&) = delete;
  Read& operator=(const Read&) = delete;
  const std::optional<at::Tensor>& get() const { return tensor; }
  std::optional<at::Tensor> tensor;
};
template <>
struct Read<const at::Scalar&> {
  static bool fits(const saddle_value& v) { return v.tag == SADDLE_DOUBLE || v.tag == SADDLE_INT; }
  explicit Read(const saddle_value& v)
      : scalar(v.tag == SADDLE_INT ? at::Scalar(v.as.i) : at::Scalar(v.as.d)) {}
  const at::Scalar& get() const { return scalar; }
  at::Scalar scalar;
};
template <>
struct Read<double> {
  static bool fits(const saddle_value& v) { return v.tag == SADDLE_DOUBLE; }
  explicit Read(const saddle_value& v) : value(v.as.d) {}
  double get() const { return value; }
  double value;
};
template <>
struct Read<int64_t> {
  static bool fits(const saddle_value& v) { return v.tag == SADDLE_INT; }
  explicit Read(const saddle_value& v) : value(v.as.i) {}
  int64_t get() const { return value; }
  int64_t value;
};
template <>
struct Read<c10::SymInt> : Read<int64_t> {
  using Read<int64_t>::Read;
};
template <>
struct Read<bool> {
  static bool fits(const saddle_value& v) { return v.tag == SADDLE_BOOL; }
  explicit Read(const saddle_value& v) : value(v.as.i != 0) {}
  bool get() const { return value; }
  bool value;
};
template <>
struct Read<c10::SymIntArrayRef> {
  static bool fits(const saddle_value& v) { return v.tag == SADDLE_INT_LIST; }
  explicit Read(const saddle_value& v) : list(c10::fromIntArrayRefSlow({v.as.ints, v.count})) {}
  c10::SymIntArrayRef get() const { return list; }
  c10::SymIntArrayRef list;
};
template <>
struct Read<at::IntArrayRef> {
  static bool fits(const saddle_value& v) { return v.tag == SADDLE_INT_LIST; }
  explicit Read(const saddle_value& v) : list(v.as.ints, v.count) {}
  at::IntArrayRef get() const { return list; }
  at::IntArrayRef list;
};
template <>
struct Read<at::OptionalIntArrayRef> {
  static bool fits(const saddle_value& v) { return v.tag == SADDLE_NONE || v.tag == SADDLE_INT_LIST; }
  explicit Read(const saddle_value& v) {
    if (v.tag == SADDLE_INT_LIST) list = at::IntArrayRef(v.as.ints, v.count);
  }
  at::OptionalIntArrayRef get() const { return list; }
  at::OptionalIntArrayRef list;
};
// Where a schema has an optional number, plugins hardly ever give one.
template <class T>
struct Read<std::optional<T>> {
  static bool fits(const saddle_value& v) { return v.tag == SADDLE_NONE; }
  explicit Read(const saddle_value&) {}
  std::optional<T> get() const { return std::nullopt; }
};
// An array of handles is an array of tensors.
template <>
struct Read<const at::ITensorListRef&> {
  static bool fits(const saddle_value& v) {
    return v.tag == SADDLE_TENSOR_LIST &&
           std::all_of(v.as.tensors, v.as.tensors + v.count, [](const auto* t) { return t; });
  }
  explicit Read(const saddle_value& v)
      : list(at::TensorList(reinterpret_cast<const at::Tensor*>(v.as.tensors), v.count)) {}
  const at::ITensorListRef& get() const { return list; }
  at::ITensorListRef list;
};

template <auto Call>
struct Typed;
template <class... Args, at::Tensor (*Call)(Args...)>
struct Typed<Call> {
  template <size_t... I>
  static bool fits(const saddle_value* args, std::index_sequence<I...>) {
    return (Read<Args>::fits(args[I]) && ...);
  }
  template <size_t... I>
  static at::Tensor run(const saddle_value* args, std::index_sequence<I...>) {
    return Call(Read<Args>(args[I]).get()...);
  }
  static bool call(const saddle_value* args, saddle_value* results) {
    constexpr auto indices = std::index_sequence_for<Args...>();
    if (!fits(args, indices)) return false;
    results[0] = {SADDLE_TENSOR, 0, {}};
    results[0].as.tensor = give(run(args, indices));
    return true;
  }
};

// LibTorch composes linear of other operators, the same for every device that trials run on; only autocast
// has a say before. So it is called past the dispatcher, as torch::nn::Linear does: a hop less is 1 % of a
// narrow network's pass.
at::Tensor linear(const at::Tensor& input, const at::Tensor& weight, const std::optional<at::Tensor>& bias) {
  if (at::autocast::is_autocast_enabled(input.device().type()))
    return at::_ops::linear::call(input, weight, bias);
  return at::native::linear(input, weight, bias);
}

// A convolution's stride, padding and dilation may be one number each.
template <size_t... Lists>
struct Doubled {
  explicit Doubled(const saddle_value* args) {
    size_t n = 0;
    ((expand(args[Lists], n++)), ...);
  }
  void expand(const saddle_value& v, size_t n) {
    for (size_t i = 0; i < 2; ++i) values[n][i] = v.count == 1 ? v.as.ints[0] : v.as.ints[i];
  }
  at::IntArrayRef operator[](size_t n) const { return {values[n], 2}; }
  int64_t values[sizeof...(Lists)][2];
};
bool is_pair(const saddle_value& v) { return v.tag == SADDLE_INT_LIST && (v.count == 1 || v.count == 2); }

bool call_conv2d(const saddle_value* a, saddle_value* results) {
  using Maybe = Read<const std::optional<at::Tensor>&>;
  if (!Read<const at::Tensor&>::fits(a[0]) || !Read<const at::Tensor&>::fits(a[1]) || !Maybe::fits(a[2]) ||
      !is_pair(a[3]) || !is_pair(a[4]) || !is_pair(a[5]) || a[6].tag != SADDLE_INT)
    return false;
  const Doubled<3, 4, 5> pairs(a);
  const Borrowed input(a[0].as.tensor), weight(a[1].as.tensor);
  results[0] = {SADDLE_TENSOR, 0, {}};
  results[0].as.tensor =
      give(worker::conv2d(*input, *weight, Maybe(a[2]).get(), pairs[0], pairs[1], pairs[2], a[6].as.i));
  return true;
}

bool call_conv_transpose2d(const saddle_value* a, saddle_value* results) {
  using Maybe = Read<const std::optional<at::Tensor>&>;
  if (!Read<const at::Tensor&>::fits(a[0]) || !Read<const at::Tensor&>::fits(a[1]) || !Maybe::fits(a[2]) ||
      !is_pair(a[3]) || !is_pair(a[4]) || !is_pair(a[5]) || a[6].tag != SADDLE_INT || !is_pair(a[7]))
    return false;
  const Doubled<3, 4, 5, 7> pairs(a);
  const Borrowed input(a[0].as.tensor), weight(a[1].as.tensor);
  results[0] = {SADDLE_TENSOR, 0, {}};
  results[0].as.tensor = give(worker::conv_transpose2d(*input, *weight, Maybe(a[2]).get(), pairs[0], pairs[1],
                                                       pairs[2], a[6].as.i, pairs[3]));
  return true;
}

}  // namespace

TypedCall find_typed(const std::string& name) {
  namespace ops = at::_ops;
  static const std::unordered_map<std::string, TypedCall> table = {
      {"aten::relu", Typed<&ops::relu::call>::call},
      {"aten::leaky_relu", Typed<&ops::leaky_relu::call>::call},
      {"aten::tanh", Typed<&ops::tanh::call>::call},
      {"aten::sigmoid", Typed<&ops::sigmoid::call>::call},
      {"aten::softplus", Typed<&ops::softplus::call>::call},
      {"aten::neg", Typed<&ops::neg::call>::call},
      {"aten::square", Typed<&ops::square::call>::call},
      {"aten::add.Tensor", Typed<&ops::add_Tensor::call>::call},
      {"aten::add.Scalar", Typed<&ops::add_Scalar::call>::call},
      {"aten::sub.Tensor", Typed<&ops::sub_Tensor::call>::call},
      {"aten::sub.Scalar", Typed<&ops::sub_Scalar::call>::call},
      {"aten::rsub.Scalar", Typed<&ops::rsub_Scalar::call>::call},
      {"aten::mul.Tensor", Typed<&ops::mul_Tensor::call>::call},
      {"aten::mul.Scalar", Typed<&ops::mul_Scalar::call>::call},
      {"aten::div.Tensor", Typed<&ops::div_Tensor::call>::call},
      {"aten::div.Scalar", Typed<&ops::div_Scalar::call>::call},
      {"aten::exp", Typed<&ops::exp::call>::call},
      {"aten::log", Typed<&ops::log::call>::call},
      {"aten::abs", Typed<&ops::abs::call>::call},
      {"aten::sqrt", Typed<&ops::sqrt::call>::call},
      {"aten::pow.Tensor_Scalar", Typed<&ops::pow_Tensor_Scalar::call>::call},
      {"aten::mean", Typed<&ops::mean::call>::call},
      {"aten::mean.dim", Typed<&ops::mean_dim::call>::call},
      {"aten::sum", Typed<&ops::sum::call>::call},
      {"aten::sum.dim_IntList", Typed<&ops::sum_dim_IntList::call>::call},
      {"aten::softmax.int", Typed<&ops::softmax_int::call>::call},
      {"aten::view", Typed<&ops::view::call>::call},
      {"aten::reshape", Typed<&ops::reshape::call>::call},
      {"aten::flatten.using_ints", Typed<&ops::flatten_using_ints::call>::call},
      {"aten::permute", Typed<&ops::permute::call>::call},
      {"aten::transpose.int", Typed<&ops::transpose_int::call>::call},
      {"aten::unsqueeze", Typed<&ops::unsqueeze::call>::call},
      {"aten::narrow", Typed<&ops::narrow::call>::call},
      {"aten::cat", Typed<&ops::cat::call>::call},
      {"aten::embedding", Typed<&ops::embedding::call>::call},
      {"aten::avg_pool2d", Typed<&ops::avg_pool2d::call>::call},
      {"aten::max_pool2d", Typed<&ops::max_pool2d::call>::call},
      {"aten::upsample_nearest2d", Typed<&ops::upsample_nearest2d::call>::call},
      {"aten::upsample_bilinear2d", Typed<&ops::upsample_bilinear2d::call>::call},
      {"aten::mm", Typed<&worker::mm>::call},
      {"aten::bmm", Typed<&worker::bmm>::call},
      {"aten::matmul", Typed<&worker::matmul>::call},
      {"aten::linear", Typed<&linear>::call},
      {"aten::batch_norm", Typed<&ops::batch_norm::call>::call},
      {"aten::conv2d", call_conv2d},
      {"aten::conv_transpose2d.input", call_conv_transpose2d},
  };
  const auto found = table.find(name);
  return found == table.end() ? nullptr : found->second;
}

}  // namespace saddle::worker
