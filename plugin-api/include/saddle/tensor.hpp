// Tensors for plugins: a counted handle to a tensor that lives in the host.
// Header-only; see abi.h for the C functions beneath.
#pragma once
#include <saddle/abi_layout.h>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

// Hidden: with default visibility two plugins loaded RTLD_LOCAL would share the
// inline variables below (GCC marks them STB_GNU_UNIQUE).
#pragma GCC visibility push(hidden)
namespace saddle {

// An error of this component or of a host call it made. The SDK carries it over the boundary as a status and
// a text.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The trial is to end, and this component stopped for it: the attempt ends as cancelled, not as failed.
struct Cancelled : Error {
  Cancelled() : Error("the trial is to end") {}
  using Error::Error;
};

namespace detail {
inline const saddle_host* host = nullptr;  // set once, when the plugin is loaded

inline void check(saddle_status status) {
  if (status == SADDLE_CANCELLED) throw Cancelled(host->last_error());
  if (status != SADDLE_OK) throw Error(host->last_error());
}

// Every operator that the plugin's code uses, collected before the host reads the list.
inline std::vector<saddle_operator_slot*>& operator_slots() {
  static std::vector<saddle_operator_slot*> slots;
  return slots;
}
struct OperatorSlot : saddle_operator_slot {
  explicit OperatorSlot(const char* text) : saddle_operator_slot{text, nullptr} {
    operator_slots().push_back(this);
  }
};
// A template, so that only operators whose wrapper is instantiated are listed.
template <class Op>
struct Slot {
  inline static OperatorSlot value{Op::schema};
};

// Ids of the extensions that the plugin's code cannot do without, collected likewise.
inline std::vector<const char*>& extension_ids() {
  static std::vector<const char*> ids;
  return ids;
}
struct ExtensionId {
  explicit ExtensionId(const char* id) { extension_ids().push_back(id); }
};
// Table: a C struct of abi.h; IdOf<Table>::value names it.
template <class Table>
struct IdOf;
template <class Table>
struct Required {
  inline static const ExtensionId id{IdOf<Table>::value};
};
// Null when the host lacks it.
template <class Table>
const Table* find_extension() {
  static const auto* table = static_cast<const Table*>(host->extension(IdOf<Table>::value));
  return table;
}
// Code that calls this is only loaded by a host that has the extension.
template <class Table>
const Table& extension() {
  (void)&Required<Table>::id;
  const Table* table = find_extension<Table>();
  if (!table) throw Error(std::string("this host lacks the extension ") + IdOf<Table>::value);
  return *table;
}
}  // namespace detail

enum class DType : saddle_dtype {
  uint8 = SADDLE_UINT8,
  int32 = SADDLE_INT32,
  int64 = SADDLE_INT64,
  float32 = SADDLE_FLOAT32,
  float64 = SADDLE_FLOAT64,
  boolean = SADDLE_BOOL8,
  bfloat16 = SADDLE_BFLOAT16,
  float16 = SADDLE_FLOAT16,
  other = SADDLE_OTHER_DTYPE
};

// A counted reference to a tensor. Empty ("none") unless given one. Copying shares the tensor, not its
// elements.
class Tensor {
 public:
  Tensor() = default;
  Tensor(const Tensor& other) : handle_(other.handle_) {
    if (handle_) detail::host->retain(handle_);
  }
  Tensor(Tensor&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Tensor& operator=(Tensor other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Tensor() {
    if (handle_) detail::host->release(handle_);
  }

  static Tensor own(saddle_tensor* handle) {  // takes over a reference
    Tensor t;
    t.handle_ = handle;
    return t;
  }
  static Tensor share(saddle_tensor* handle) {  // a borrowed handle: adds a reference
    if (handle) detail::host->retain(handle);
    return own(handle);
  }
  // A copy of host memory on the trial's device. T: float, double, int64_t, int32_t or uint8_t.
  template <class T>
  static Tensor from(std::span<const T> data, std::initializer_list<int64_t> shape) {
    saddle_tensor* result = nullptr;
    detail::check(detail::host->from_data(data.data(), dtype_of<T>(), std::data(shape),
                                          static_cast<uint32_t>(shape.size()), &result));
    return own(result);
  }

  explicit operator bool() const { return handle_ != nullptr; }
  saddle_tensor* handle() const { return handle_; }
  saddle_tensor* release() { return std::exchange(handle_, nullptr); }  // gives the reference away

  std::span<const int64_t> sizes() const {
    uint32_t dim = 0;
    const int64_t* sizes = detail::host->sizes(handle_, &dim);
    return {sizes, dim};
  }
  int64_t dim() const { return static_cast<int64_t>(sizes().size()); }
  // Size of one dimension; negative counts from the end.
  int64_t size(int64_t d) const {
    const auto all = sizes();
    const auto n = static_cast<int64_t>(all.size());
    if (d < -n || d >= n)
      throw Error("dimension " + std::to_string(d) + " of a tensor that has " + std::to_string(n));
    return all[static_cast<size_t>(d < 0 ? d + n : d)];
  }
  int64_t numel() const {
    int64_t n = 1;
    for (int64_t s : sizes()) n *= s;
    return n;
  }
  DType dtype() const { return static_cast<DType>(detail::host->dtype(handle_)); }
  bool requires_grad() const { return detail::host->requires_grad(handle_) != 0; }
  // The one element of a scalar tensor. Waits for the device: not for use in every step.
  double item() const {
    double value = 0;
    detail::check(detail::host->item(handle_, &value));
    return value;
  }
  // Elements of a contiguous tensor in host memory.
  template <class T>
  std::span<T> data() const {
    void* p = nullptr;
    if (detail::host->dtype(handle_) == dtype_of<T>()) p = detail::host->data(handle_);
    if (!p) throw Error("the tensor is not contiguous, not in host memory, or of another type");
    return {static_cast<T*>(p), static_cast<size_t>(numel())};
  }

 private:
  template <class T>
  static constexpr saddle_dtype dtype_of() {
    if constexpr (std::is_same_v<T, float>)
      return SADDLE_FLOAT32;
    else if constexpr (std::is_same_v<T, double>)
      return SADDLE_FLOAT64;
    else if constexpr (std::is_same_v<T, int64_t>)
      return SADDLE_INT64;
    else if constexpr (std::is_same_v<T, int32_t>)
      return SADDLE_INT32;
    else {
      static_assert(std::is_same_v<T, uint8_t>, "float, double, int64_t, int32_t or uint8_t");
      return SADDLE_UINT8;
    }
  }
  saddle_tensor* handle_ = nullptr;
};

// A number argument of an operator.
class Scalar {
 public:
  Scalar(double v) : value_{SADDLE_DOUBLE, 0, {}} { value_.as.d = v; }
  Scalar(float v) : Scalar(static_cast<double>(v)) {}
  Scalar(int64_t v) : value_{SADDLE_INT, 0, {}} { value_.as.i = v; }
  Scalar(int v) : Scalar(static_cast<int64_t>(v)) {}
  Scalar(bool v) : value_{SADDLE_BOOL, 0, {}} { value_.as.i = v; }
  const saddle_value& value() const { return value_; }

 private:
  saddle_value value_;
};

// Sizes, strides, dimensions: up to eight integers by value. One integer stands for all dimensions where ATen
// allows it.
class IntList {
 public:
  IntList() = default;
  IntList(int64_t one) : values_{one}, count_(1) {}
  IntList(int one) : IntList(static_cast<int64_t>(one)) {}
  IntList(std::initializer_list<int64_t> list) { assign({list.begin(), list.size()}); }
  IntList(std::span<const int64_t> list) { assign(list); }
  IntList(const std::vector<int64_t>& list) { assign(list); }
  const int64_t* data() const { return values_.data(); }
  uint32_t count() const { return count_; }

 private:
  void assign(std::span<const int64_t> list) {
    if (list.size() > values_.size()) throw Error("a list of more than eight integers");
    count_ = static_cast<uint32_t>(list.size());
    std::copy(list.begin(), list.end(), values_.begin());
  }
  std::array<int64_t, 8> values_{};
  uint32_t count_ = 0;
};

namespace detail {

inline saddle_value none() { return {SADDLE_NONE, 0, {}}; }
inline saddle_value value(const Tensor& t) {
  saddle_value v{t ? SADDLE_TENSOR : SADDLE_NONE, 0, {}};
  v.as.tensor = t.handle();
  return v;
}
inline saddle_value value(const Scalar& s) { return s.value(); }
inline saddle_value value(double d) { return Scalar(d).value(); }
inline saddle_value value(int64_t i) { return Scalar(i).value(); }
inline saddle_value value(bool b) { return Scalar(b).value(); }
inline saddle_value value(const char* s) {
  saddle_value v{s ? SADDLE_STRING : SADDLE_NONE, 0, {}};
  v.as.string = s;
  return v;
}
inline saddle_value value(const IntList& l) {
  saddle_value v{SADDLE_INT_LIST, l.count(), {}};
  v.as.ints = l.data();
  return v;
}
inline saddle_value value(DType d) {
  saddle_value v{SADDLE_DTYPE, 0, {}};
  v.as.i = static_cast<saddle_dtype>(d);
  return v;
}
template <class T>
saddle_value value(const std::optional<T>& o) {
  return o ? value(*o) : none();
}
// Tensor is one pointer, so an array of them is what the ABI calls a list of handles.
static_assert(sizeof(Tensor) == sizeof(saddle_tensor*));
// And a handle in an array of the host's is a tensor that is not counted.
inline const Tensor& borrowed(saddle_tensor* const& handle) {
  return reinterpret_cast<const Tensor&>(handle);
}
inline const Tensor empty;  // stands for an absent tensor where a reference is due
inline saddle_value value(std::span<const Tensor> list) {
  saddle_value v{SADDLE_TENSOR_LIST, static_cast<uint32_t>(list.size()), {}};
  v.as.tensors = reinterpret_cast<saddle_tensor* const*>(list.data());
  return v;
}

template <class Op, size_t N>
void invoke(const saddle_value (&args)[N], saddle_value* results, uint32_t result_count) {
  check(host->call(Slot<Op>::value.handle, args, N, results, result_count));
}
template <class Op, size_t N>
Tensor call(const saddle_value (&args)[N]) {
  saddle_value result;
  invoke<Op>(args, &result, 1);
  return Tensor::own(result.as.tensor);
}
template <class Op, size_t N>
std::vector<Tensor> call_list(const saddle_value (&args)[N]) {
  saddle_value result;
  invoke<Op>(args, &result, 1);
  std::vector<Tensor> list(result.count);
  for (uint32_t i = 0; i < result.count; ++i) list[i] = Tensor::own(result.as.tensors[i]);
  return list;
}
template <class Op, size_t N>
std::tuple<Tensor, Tensor> call2(const saddle_value (&args)[N]) {
  saddle_value r[2];
  invoke<Op>(args, r, 2);
  return {Tensor::own(r[0].as.tensor), Tensor::own(r[1].as.tensor)};
}
template <class Op, size_t N>
std::tuple<Tensor, Tensor, Tensor> call3(const saddle_value (&args)[N]) {
  saddle_value r[3];
  invoke<Op>(args, r, 3);
  return {Tensor::own(r[0].as.tensor), Tensor::own(r[1].as.tensor), Tensor::own(r[2].as.tensor)};
}
}  // namespace detail

// Gradients of the sum of `output` with respect to `inputs`; differentiable again when create_graph.
inline std::vector<Tensor> grad(const Tensor& output, std::span<const Tensor> inputs, bool create_graph) {
  saddle_tensor* out = output.handle();
  std::vector<saddle_tensor*> results(inputs.size());
  detail::check(detail::host->grad(&out, nullptr, 1, reinterpret_cast<saddle_tensor* const*>(inputs.data()),
                                   static_cast<uint32_t>(inputs.size()),
                                   create_graph ? SADDLE_GRAD_CREATE_GRAPH : 0, results.data()));
  std::vector<Tensor> owned;
  owned.reserve(results.size());
  for (saddle_tensor* r : results) owned.push_back(Tensor::own(r));
  return owned;
}
inline Tensor grad(const Tensor& output, const Tensor& input, bool create_graph) {
  return grad(output, std::span(&input, 1), create_graph)[0];
}

// While it lives, this thread records no gradients.
class NoGrad {
 public:
  NoGrad() : previous_(detail::host->set_grad_enabled(0)) {}
  ~NoGrad() { detail::host->set_grad_enabled(previous_); }
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  int32_t previous_;
};

}  // namespace saddle
#pragma GCC visibility pop
