#pragma once
#include <ATen/ATen.h>
#include <saddle/abi.h>

#include <utility>

#include <bridge/caller.hpp>

// A tensor handle is a counted pointer to the tensor's implementation: what an
// at::Tensor holds. So an array of tensors is an array of handles, and borrowing
// costs nothing.
namespace saddle::worker {

static_assert(sizeof(at::Tensor) == sizeof(saddle_tensor*));

inline c10::TensorImpl* impl(const saddle_tensor* handle) {
  return reinterpret_cast<c10::TensorImpl*>(const_cast<saddle_tensor*>(handle));
}

// How many references plugins hold. Zero again when an instance and all it made are gone.
int64_t handle_count();
// One more that the component at work holds, and one fewer. False, in a process that checks handles, when no
// plugin holds a reference to this tensor: then it must be left alone.
inline void count_handle(const saddle_tensor* handle);
inline bool uncount_handle(const saddle_tensor* handle);

// From here on each release is held against a book of what was handed out (about 0.1 us each). Without it a
// tensor that is released once too often is noticed only when its component has fewer than none, or by a
// crash. Before the first plugin is opened.
void check_handles();

namespace detail {
inline bool checking_handles = false;
void count_slowly(const saddle_tensor* handle);
bool uncount_slowly(const saddle_tensor* handle);
}  // namespace detail
// Each operator counts twice or more, so this adds up in the thread until the component returns: three atomic
// additions would be half of what an operator's call costs.
inline void count_handle(const saddle_tensor* handle) {
  if (running.holding && !detail::checking_handles)
    ++running.counted;
  else
    detail::count_slowly(handle);
}
inline bool uncount_handle(const saddle_tensor* handle) {
  if (!running.holding || detail::checking_handles) return detail::uncount_slowly(handle);
  --running.counted;
  return true;
}

// A handle that the other side owns; null for an undefined tensor.
inline saddle_tensor* give(at::Tensor tensor) {
  if (!tensor.defined()) return nullptr;
  auto* handle = reinterpret_cast<saddle_tensor*>(tensor.unsafeReleaseTensorImpl());
  count_handle(handle);
  return handle;
}

// A tensor that shares the handle's; undefined for null.
inline at::Tensor share(const saddle_tensor* handle) {
  if (!handle) return {};
  return at::Tensor(
      c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>::unsafe_reclaim_from_nonowning(
          impl(handle)));
}

// Takes back what `give` gave.
inline at::Tensor take(saddle_tensor* handle) {
  if (!handle || !uncount_handle(handle)) return {};
  return at::Tensor(c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>::reclaim(impl(handle)));
}

// Looks like a tensor while it lives, without counting.
class Borrowed {
 public:
  explicit Borrowed(const saddle_tensor* handle) {
    if (handle)
      tensor_ =
          at::Tensor(c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>::reclaim(impl(handle)));
  }
  ~Borrowed() { (void)tensor_.unsafeReleaseTensorImpl(); }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  operator const at::Tensor&() const { return tensor_; }
  const at::Tensor& operator*() const { return tensor_; }
  const at::Tensor* operator->() const { return &tensor_; }

 private:
  at::Tensor tensor_;
};

// A tensor that lives elsewhere, lent for a call; null for an undefined one.
inline saddle_tensor* lend(const at::Tensor& tensor) {
  return tensor.defined() ? reinterpret_cast<saddle_tensor*>(tensor.unsafeGetTensorImpl()) : nullptr;
}

}  // namespace saddle::worker
