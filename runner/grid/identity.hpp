#pragma once
#include <cstdint>
#include <string>

#include <common/json.hpp>

namespace saddle {

// One text for one value, whatever spelled it: keys sorted by bytes, no white
// space, doubles in the shortest form that reads back the same (std::to_chars),
// marked as such even when whole (1.0, not 1).
std::string canonical_json(const Json& value);

// SHA-256 of the identity that resolve() gives.
std::string config_hash(const Json& identity);
// The same of its canonical text.
std::string identity_hash(const std::string& canonical);
// SHA-256 of the config hash followed by the seed in decimal.
std::string trial_hash(const std::string& config_hash, std::int64_t seed);

}  // namespace saddle
