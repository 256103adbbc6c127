#pragma once
#include <saddle/abi.h>

#include <string>

// The operators that networks are made of, called without boxing.
namespace saddle::worker {

// Returns false, having done nothing, unless every tag is exactly the expected
// one; the general path then converts, or explains.
using TypedCall = bool (*)(const saddle_value* args, saddle_value* results);

// Null for most operators. `name` as "aten::add.Tensor".
TypedCall find_typed(const std::string& name);

}  // namespace saddle::worker
