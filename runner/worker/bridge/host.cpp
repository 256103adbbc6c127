#include <bridge/host.hpp>
#include <bridge/host_memory.hpp>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/version.h>

#include <cstdio>

#include <bridge/cancelled.hpp>
#include <bridge/extensions.hpp>
#include <bridge/handle.hpp>
#include <bridge/operators.hpp>
#include <common/error.hpp>

namespace saddle::worker {
namespace {

at::Device device = at::kCPU;
thread_local std::string error_text;  // of the last failed call, either side's
thread_local bool error_set = false;  // since the last check

template <class F>
saddle_status guard(F&& body) noexcept {
  try {
    body();
    return SADDLE_OK;
  } catch (const Cancelled& e) {
    error_text = e.what();
    error_set = true;
    return SADDLE_CANCELLED;
  } catch (const std::exception& e) {
    error_text = message_of(e);
    error_set = true;
  } catch (...) {
    error_text = "an unknown exception";
    error_set = true;
  }
  return SADDLE_ERROR;
}

void set_error(const char* message) {
  error_text = message ? message : "(no message)";
  error_set = true;
}
const char* last_error() { return error_text.c_str(); }

void log(int32_t level, const char* message) {
  constexpr const char* names[] = {"debug", "info", "warning", "error"};
  std::fprintf(stderr, "[%s] %s\n", level >= 0 && level < 4 ? names[level] : "?", message ? message : "");
}

const void* extension(const char* id) { return find_extension(id ? id : ""); }

saddle_status call(const saddle_operator* op, const saddle_value* args, uint32_t arg_count,
                   saddle_value* results, uint32_t result_count) {
  return guard([&] {
    if (!op) throw Error("an operator that the plugin did not list, or called before it was loaded");
    call_operator(*op, args, arg_count, results, result_count);
  });
}

void retain(saddle_tensor* tensor) {
  if (!tensor) return;
  count_handle(tensor);
  c10::raw::intrusive_ptr::incref(impl(tensor));
}
void release(saddle_tensor* tensor) { (void)take(tensor); }

const int64_t* sizes(const saddle_tensor* tensor, uint32_t* dim) {
  if (!tensor) {
    *dim = 0;
    return nullptr;
  }
  const at::IntArrayRef list = impl(tensor)->sizes();
  *dim = static_cast<uint32_t>(list.size());
  return list.data();
}

saddle_dtype dtype(const saddle_tensor* tensor) {
  if (!tensor) return SADDLE_OTHER_DTYPE;
  return to_dtype(static_cast<int8_t>(c10::typeMetaToScalarType(impl(tensor)->dtype())));
}

int32_t requires_grad(const saddle_tensor* tensor) { return tensor && Borrowed(tensor)->requires_grad(); }

void* data(saddle_tensor* tensor) {
  const Borrowed t(tensor);
  return tensor && t->device().is_cpu() && t->is_contiguous() ? t->data_ptr() : nullptr;
}

saddle_status from_data(const void* data, saddle_dtype dtype, const int64_t* sizes, uint32_t dim,
                        saddle_tensor** result) {
  return guard([&] {
    const auto options = at::TensorOptions().dtype(static_cast<at::ScalarType>(to_scalar_type(dtype)));
    // from_blob wants a mutable pointer; the clone is made before anything could write.
    const at::Tensor view = at::from_blob(const_cast<void*>(data), at::IntArrayRef(sizes, dim), options);
    *result = give(trial_device().is_cpu() ? view.clone() : view.to(trial_device()));
  });
}

saddle_status item(const saddle_tensor* tensor, double* result) {
  return guard([&] {
    if (!tensor) throw Error("item() of no tensor");
    *result = Borrowed(tensor)->item().toDouble();
  });
}

saddle_status grad(saddle_tensor* const* outputs, saddle_tensor* const* grad_outputs, uint32_t output_count,
                   saddle_tensor* const* inputs, uint32_t input_count, uint32_t flags,
                   saddle_tensor** results) {
  return guard([&] {
    std::vector<at::Tensor> out, seeds, in;
    for (uint32_t i = 0; i < output_count; ++i) {
      out.push_back(share(outputs[i]));
      const at::Tensor seed = grad_outputs ? share(grad_outputs[i]) : at::Tensor();
      seeds.push_back(seed.defined() ? seed : at::ones_like(out.back()));
    }
    for (uint32_t i = 0; i < input_count; ++i) in.push_back(share(inputs[i]));
    auto gradients =
        torch::autograd::grad(out, in, seeds, /*retain_graph=*/true, (flags & SADDLE_GRAD_CREATE_GRAPH) != 0,
                              (flags & SADDLE_GRAD_ALLOW_UNUSED) != 0);
    for (uint32_t i = 0; i < input_count; ++i) results[i] = give(std::move(gradients[i]));
  });
}

int32_t set_grad_enabled(int32_t enabled) {
  const bool previous = at::GradMode::is_enabled();
  at::GradMode::set_enabled(enabled != 0);
  return previous;
}

}  // namespace

const saddle_host& host_table() { return changeable_host_table(); }

saddle_host& changeable_host_table() {
  static saddle_host table = {sizeof(saddle_host),
                              SADDLE_ABI_VERSION,
                              set_error,
                              last_error,
                              log,
                              extension,
                              call,
                              retain,
                              release,
                              sizes,
                              dtype,
                              requires_grad,
                              data,
                              from_data,
                              item,
                              grad,
                              set_grad_enabled};
  return table;
}

namespace {
thread_local bool in_host_memory = false;
}
InHostMemory::InHostMemory() : previous_(std::exchange(in_host_memory, true)) {}
InHostMemory::~InHostMemory() { in_host_memory = previous_; }

at::Device trial_device() { return in_host_memory ? at::Device(at::kCPU) : device; }
void set_trial_device(at::Device d) { device = d; }
std::string libtorch_version() { return TORCH_VERSION; }

saddle_status guarded(const std::function<void()>& body) noexcept { return guard(body); }

void check_component(saddle_status status, const std::string& who) {
  const bool said = std::exchange(error_set, false);
  if (status == SADDLE_OK) return;
  std::string text = said                         ? error_text
                     : status == SADDLE_CANCELLED ? "stopped before it was done (SADDLE_CANCELLED)"
                                                  : "failed without saying why (it did not call set_error)";
  if (!who.empty()) text = who + ": " + text;
  if (status == SADDLE_CANCELLED) throw Cancelled(text);
  throw Error(text);
}

std::string message_of(const std::exception& e) {
  if (const auto* torch_error = dynamic_cast<const c10::Error*>(&e))
    return torch_error->what_without_backtrace();
  return e.what();
}

}  // namespace saddle::worker
