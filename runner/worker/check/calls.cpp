#include <check/calls.hpp>

#include <atomic>
#include <map>
#include <mutex>

#include <bridge/host.hpp>
#include <bridge/operators.hpp>
#include <common/error.hpp>

namespace saddle::worker {
namespace {

saddle_host real;
std::atomic<int64_t> calls{0}, to_fail{0};
std::mutex mutex;
std::string failed;

struct Noted {
  std::string from;
  int64_t count = 0;
};
bool noting = false;
std::map<const saddle_tensor*, Noted> noted;

// True when this call is the one that has to fail; the error is set then.
bool made_to_fail(const std::string& what) {
  ++calls;
  if (to_fail.load() == 0 || --to_fail != 0) return false;
  {
    const std::lock_guard lock(mutex);
    failed = what;
  }
  (void)guarded([&] { throw Error("check made this call of " + what + " fail"); });
  return true;
}

std::string shape_of(const saddle_tensor* handle) {
  uint32_t dim = 0;
  const int64_t* sizes = real.sizes(handle, &dim);
  std::string text;
  for (uint32_t d = 0; d < dim; ++d) text += (d ? ", " : "") + std::to_string(sizes[d]);
  return "[" + text + "]";
}

void note(const saddle_tensor* handle, const std::string& from) {
  if (!noting || !handle) return;
  const std::lock_guard lock(mutex);
  Noted& entry = noted[handle];
  if (entry.count++ == 0) entry.from = shape_of(handle) + " of " + from;
}

saddle_status call(const saddle_operator* op, const saddle_value* args, uint32_t arg_count,
                   saddle_value* results, uint32_t result_count) {
  const std::string name = op ? operator_name(*op) : "no operator";
  if (made_to_fail(name)) return SADDLE_ERROR;
  const saddle_status status = real.call(op, args, arg_count, results, result_count);
  for (uint32_t i = 0; status == SADDLE_OK && i < result_count; ++i) {
    if (results[i].tag == SADDLE_TENSOR) note(results[i].as.tensor, name);
    if (results[i].tag == SADDLE_TENSOR_LIST)
      for (uint32_t k = 0; k < results[i].count; ++k) note(results[i].as.tensors[k], name);
  }
  return status;
}

saddle_status from_data(const void* data, saddle_dtype dtype, const int64_t* sizes, uint32_t dim,
                        saddle_tensor** result) {
  if (made_to_fail("from_data")) return SADDLE_ERROR;
  const saddle_status status = real.from_data(data, dtype, sizes, dim, result);
  if (status == SADDLE_OK) note(*result, "from_data");
  return status;
}

saddle_status grad(saddle_tensor* const* outputs, saddle_tensor* const* grad_outputs, uint32_t output_count,
                   saddle_tensor* const* inputs, uint32_t input_count, uint32_t flags,
                   saddle_tensor** results) {
  if (made_to_fail("grad")) return SADDLE_ERROR;
  const saddle_status status =
      real.grad(outputs, grad_outputs, output_count, inputs, input_count, flags, results);
  for (uint32_t i = 0; status == SADDLE_OK && i < input_count; ++i) note(results[i], "grad");
  return status;
}

void retain(saddle_tensor* tensor) {
  note(tensor, "retain");
  real.retain(tensor);
}

void release(saddle_tensor* tensor) {
  if (noting && tensor) {
    const std::lock_guard lock(mutex);
    const auto found = noted.find(tensor);
    if (found != noted.end() && --found->second.count == 0) noted.erase(found);
  }
  real.release(tensor);
}

}  // namespace

void watch_host_calls() {
  saddle_host& table = changeable_host_table();
  real = table;
  table.call = call;
  table.from_data = from_data;
  table.grad = grad;
  table.retain = retain;
  table.release = release;
}

int64_t host_calls() { return calls; }

void fail_host_call(int64_t n) {
  const std::lock_guard lock(mutex);
  failed.clear();
  to_fail = n;
}

std::string failed_host_call() {
  const std::lock_guard lock(mutex);
  return failed;
}

void note_handles() {
  const std::lock_guard lock(mutex);
  noting = true;
  noted.clear();
}

std::string noted_handles() {
  const std::lock_guard lock(mutex);
  std::map<std::string, int64_t> by_source;
  for (const auto& [handle, entry] : noted) by_source[entry.from] += entry.count;
  std::string text;
  for (const auto& [source, count] : by_source)
    text += (text.empty() ? "" : ", ") + (count > 1 ? std::to_string(count) + " x " : "") + source;
  noting = false;
  noted.clear();
  return text;
}

}  // namespace saddle::worker
