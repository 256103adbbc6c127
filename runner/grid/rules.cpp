#include <grid/rules.hpp>

#include <grid/host_schema.hpp>
#include <grid/schema.hpp>

namespace saddle {

Rules rules_from(const Json& grid) {
  Rules rules;
  const Json& limits = grid.at("limits");
  rules.limits.time_s = limits.at("time_s");
  rules.limits.memory_mb = limits.at("memory_mb");
  rules.limits.retries = limits.at("retries");
  rules.limits.stop_after_failures = limits.at("stop_after_failures");
  const Json& resources = grid.at("resources");
  rules.resources.threads = resources.at("threads");
  rules.resources.gpu = resources.at("gpu");
  return rules;
}

Json to_json(const Rules& rules) {
  return {{"limits",
           {{"time_s", rules.limits.time_s},
            {"memory_mb", rules.limits.memory_mb},
            {"retries", rules.limits.retries},
            {"stop_after_failures", rules.limits.stop_after_failures}}},
          {"resources", {{"threads", rules.resources.threads}, {"gpu", rules.resources.gpu}}}};
}

// What another version wrote and this one does not know is left out.
Rules stored_rules(const Json& stored) {
  Json grid = Json::object();
  for (const char* section : {"limits", "resources"}) {
    const Json& schema = host_schema()["grid"]["properties"][section];
    Json known = Json::object();
    const Json written = stored.value(section, Json::object());
    for (const auto& [key, value] : written.items())
      if (schema["properties"].contains(key)) known[key] = value;
    grid[section] =
        apply_schemas({&schema}, known, "", section, [](const std::string&, const std::string&, bool) {});
  }
  return rules_from(grid);
}

}  // namespace saddle
