#include <algorithm>
#include <nlohmann/json.hpp>

#include "db/error.hpp"
#include "db/value.hpp"

namespace saddle::db {
namespace {

using nlohmann::json;

void flatten(const json& node, const std::string& path, std::vector<Param>& out) {
  const auto child = [&](const std::string& key) { return path.empty() ? key : path + "." + key; };
  switch (node.type()) {
    case json::value_t::object:
      if (node.empty() && !path.empty()) out.push_back({path, "object", "{}"});
      for (const auto& [key, value] : node.items()) flatten(value, child(key), out);
      return;
    case json::value_t::array:
      if (node.empty() ||
          std::none_of(node.begin(), node.end(), [](const json& e) { return e.is_structured(); })) {
        out.push_back({path, "array", node.dump()});
        return;
      }
      for (std::size_t i = 0; i < node.size(); ++i) flatten(node[i], child(std::to_string(i)), out);
      return;
    case json::value_t::null:
      out.push_back({path, "null", {}});
      return;
    case json::value_t::boolean:
      out.push_back({path, "boolean", std::int64_t{node.get<bool>()}});
      return;
    case json::value_t::number_unsigned:
      if (node.get<std::uint64_t>() > INT64_MAX) {
        out.push_back({path, "number", node.get<double>()});
        return;
      }
      [[fallthrough]];
    case json::value_t::number_integer:
      out.push_back({path, "integer", node.get<std::int64_t>()});
      return;
    case json::value_t::number_float:
      out.push_back({path, "number", node.get<double>()});
      return;
    default:
      out.push_back({path, "string", node.get<std::string>()});
      return;
  }
}

}  // namespace

std::vector<Param> flatten_config(std::string_view config_json) {
  const json config = json::parse(config_json, nullptr, false);
  if (!config.is_object()) throw Error(ErrorKind::usage, "a trial's config must be a JSON object");
  std::vector<Param> params;
  flatten(config, "", params);
  return params;
}

}  // namespace saddle::db
