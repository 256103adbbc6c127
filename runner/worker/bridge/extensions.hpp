#pragma once
#include <saddle/abi.h>

#include <string_view>

// What host->extension(id) returns.
namespace saddle::worker {

// Null for an id that this host does not know.
const void* find_extension(std::string_view id);

const saddle_function_extension& function_extension();
const saddle_trial_extension& trial_extension();
const saddle_weights_extension& weights_extension();

}  // namespace saddle::worker
