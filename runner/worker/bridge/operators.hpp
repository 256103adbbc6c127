#pragma once
#include <saddle/abi.h>

#include <string>

#include <bridge/typed_operators.hpp>

// All that a typed call reads of an operator.
struct saddle_operator {
  uint32_t arg_count = 0;  // of the plugin's schema
  uint32_t result_count = 0;
  saddle::worker::TypedCall typed = nullptr;  // null: only boxed
};

// From a plugin's operator schema to LibTorch's dispatcher.
namespace saddle::worker {

// The operator that accepts calls written for `schema`, for the life of the
// process. Throws saddle::Error, naming the operator and both schemas, when this
// LibTorch has none.
const saddle_operator* resolve_operator(const std::string& schema);

// "aten::add.Tensor".
const std::string& operator_name(const saddle_operator& op);

// What a call that is not typed, or not as typed calls are, comes to. Throws likewise.
void call_untyped(const saddle_operator& op, const saddle_value* args, uint32_t arg_count,
                  saddle_value* results, uint32_t result_count);

// See saddle_host.call. Throws saddle::Error or what the operator throws. Inline, since after a large
// operator every line of code between the plugin and the next one has left the cache.
inline void call_operator(const saddle_operator& op, const saddle_value* args, uint32_t arg_count,
                          saddle_value* results, uint32_t result_count) {
  if (op.typed && arg_count == op.arg_count && result_count == op.result_count && op.typed(args, results))
    return;
  call_untyped(op, args, arg_count, results, result_count);
}

saddle_dtype to_dtype(int8_t scalar_type);
int8_t to_scalar_type(int64_t dtype);  // at::ScalarType; throws for an unknown one

}  // namespace saddle::worker
