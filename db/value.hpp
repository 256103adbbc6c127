#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace saddle::db {

// One SQL value; monostate is NULL. Blobs are handed out as strings of bytes.
using Value = std::variant<std::monostate, std::int64_t, double, std::string>;

// One hyper-parameter of a resolved config: path "optimizers.generator.lr",
// type one of null boolean integer number string array object. Booleans are 0
// and 1; arrays of scalars and empty containers are their JSON text.
struct Param {
  std::string path;
  std::string type;
  Value value;
};

// Every leaf of a config as one Param each. Objects nest by ".key", arrays of
// objects by ".0", ".1"; an array of scalars (betas) is one parameter.
// Throws Error (usage) if the text is not a JSON object.
std::vector<Param> flatten_config(std::string_view config_json);

}  // namespace saddle::db
