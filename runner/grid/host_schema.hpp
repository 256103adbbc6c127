#pragma once
#include <common/json.hpp>

namespace saddle {

// The host's own part of a grid file (host_schema.json): what can stand beside a
// component's parameters, and every section that belongs to no component.
const Json& host_schema();

}  // namespace saddle
