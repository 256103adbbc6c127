#include <grid/rules.hpp>

#include <common/nearest.hpp>
#include <grid/host_schema.hpp>

namespace saddle {

Json checked_prune(const Json& written, const Report& report) {
  if (!written.is_object()) return written;
  const Json& host = host_schema()["prune"];
  const Json use = written.value("use", Json());
  if (!use.is_string() || !host["use"].contains(use.get<std::string>())) {
    std::vector<std::string> known;
    for (const auto& [name, ignored] : host["use"].items()) known.push_back(name);
    if (use.is_string())
      report("/prune/use", "no pruner " + use.dump() + ". " + suggestion(use.get<std::string>(), known),
             false);
    else
      report("/prune", "prune needs the key \"use\". " + suggestion("", known), false);
    return Json();
  }
  return apply_schemas({&host["all"], &host["use"][use.get<std::string>()]}, written, "/prune",
                       "prune " + use.dump(), report);
}

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
  rules.pins = grid.value("pins", Pins());
  rules.pins_required = grid.value("pins_required", false);
  const Json written = grid.value("prune", Json());
  if (!written.is_object()) return rules;
  Prune prune;
  prune.use = written.at("use");
  prune.metric = written.at("metric");
  prune.larger_is_better = written.at("direction") == "max";
  prune.smooth = written.at("smooth");
  prune.warmup = written.at("warmup");
  prune.min_trials = written.value("min_trials", 0);
  prune.patience = written.value("patience", 0);
  prune.eta = written.value("eta", 0.0);
  rules.prune = prune;
  return rules;
}

bool could_prune(const Prune& prune, const Json& resolved) {
  const std::int64_t rounds = resolved.at("train").at("rounds");
  const auto decides = [&](std::int64_t every) {
    if (every <= 0) return false;
    const std::int64_t last = (rounds - 1) / every * every;  // before the end
    return last > 0 && last >= prune.warmup;
  };
  // A player's loss, "generator/total", is recorded; everything else is evaluated.
  if (prune.metric.find('/') != std::string::npos) return decides(resolved.at("record").at("every"));
  for (const Json& metric : resolved.at("metrics"))
    if (decides(metric.at("every"))) return true;
  return false;
}

Json to_json(const Rules& rules) {
  Json prune;
  if (rules.prune) {
    prune = {{"use", rules.prune->use},
             {"metric", rules.prune->metric},
             {"direction", rules.prune->larger_is_better ? "max" : "min"},
             {"smooth", rules.prune->smooth},
             {"warmup", rules.prune->warmup}};
    if (rules.prune->use == "median") {
      prune["min_trials"] = rules.prune->min_trials;
      prune["patience"] = rules.prune->patience;
    } else {
      prune["min_trials"] = rules.prune->min_trials;
      prune["eta"] = rules.prune->eta;
    }
  }
  return {{"limits",
           {{"time_s", rules.limits.time_s},
            {"memory_mb", rules.limits.memory_mb},
            {"retries", rules.limits.retries},
            {"stop_after_failures", rules.limits.stop_after_failures}}},
          {"resources", {{"threads", rules.resources.threads}, {"gpu", rules.resources.gpu}}},
          {"prune", prune},
          {"pins", rules.pins},
          {"pins_required", rules.pins_required}};
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
  grid["prune"] = stored.value("prune", Json());
  grid["pins"] = stored.value("pins", Json::object());
  grid["pins_required"] = stored.value("pins_required", false);
  return rules_from(grid);
}

}  // namespace saddle
