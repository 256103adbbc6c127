#pragma once
#include <saddle/abi.h>

#include <string>

// From a plugin's operator schema to LibTorch's dispatcher.
namespace saddle::worker {

// The operator that accepts calls written for `schema`, for the life of the
// process. Throws saddle::Error, naming the operator and both schemas, when this
// LibTorch has none.
const saddle_operator* resolve_operator(const std::string& schema);

// "aten::add.Tensor".
const std::string& operator_name(const saddle_operator& op);

// See saddle_host.call. Throws saddle::Error or what the operator throws.
void call_operator(const saddle_operator& op, const saddle_value* args, uint32_t arg_count,
                   saddle_value* results, uint32_t result_count);

saddle_dtype to_dtype(int8_t scalar_type);
int8_t to_scalar_type(int64_t dtype);  // at::ScalarType; throws for an unknown one

}  // namespace saddle::worker
