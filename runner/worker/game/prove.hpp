#pragma once
#include <nlohmann/json.hpp>

namespace saddle::worker {

// Whether a config can be trained at all: plays one round of it with a batch of
// two on the CPU and asks every metric for its features. `request` is
// {"id", "config", "plugins"}; the answer
//   {"id", "ok": true, "models": {NAME: {"parameter_count", "outputs": {NAME: shape}}}} or
//   {"id", "ok": false, "pointer": "/models/generator", "message": text}.
nlohmann::json prove(const nlohmann::json& request);

}  // namespace saddle::worker
