#pragma once
#include <string>
#include <vector>

#include <common/json.hpp>

namespace saddle {

// What a loss needs for one of its roles: "needs" of that role's entry in its description, with the values of
// its parameters (`config`) put in: "{model}.features" is "encoder.features" where `model` is "encoder".
std::vector<std::string> needs_of(const Json& role, const Json& config);

// The names of parameters in a need: what stands between braces.
std::vector<std::string> parameters_in(const std::string& need);

}  // namespace saddle
