#include <grid/plan.hpp>

#include <algorithm>

#include <common/error.hpp>
#include <common/sha256.hpp>
#include <grid/expand.hpp>
#include <grid/problems.hpp>
#include <grid/spec.hpp>

namespace saddle {
namespace {

void leaves(const Json& value, const std::string& path, std::vector<Param>& into) {
  if (value.is_structured() && !value.empty()) {
    const std::string prefix = path.empty() ? "" : path + ".";
    if (value.is_array()) {
      for (std::size_t i = 0; i < value.size(); ++i) leaves(value[i], prefix + std::to_string(i), into);
    } else {
      for (const auto& [key, entry] : value.items()) leaves(entry, prefix + key, into);
    }
    return;
  }
  const char* type = value.is_number_float() ? "number"
                     : value.is_number()     ? "integer"
                     : value.is_string()     ? "string"
                     : value.is_boolean()    ? "boolean"
                     : value.is_array()      ? "list"
                     : value.is_object()     ? "object"
                                             : "null";
  into.push_back({path, type, value});
}

void add_file(Json& files, const Catalogue& catalogue, const std::string& kind, const Json& entry) {
  const std::string use = entry.at("use");
  const Component* component = catalogue.find(kind, use);
  if (component == nullptr) {
    throw Error("no " + kind + " \"" + use +
                "\" is known any more. Look for it with saddle plugins ls --kind " + kind +
                ", and name its folder with --plugins or SADDLE_PLUGIN_PATH.");
  }
  files[kind + "/" + use] = component->file.string();
}

}  // namespace

Plan load_plan(const std::filesystem::path& file, const std::vector<std::string>& sets,
               const Catalogue& catalogue, std::size_t most_trials) {
  Source source = Source::read(file);
  Plan plan;
  plan.file = file;
  plan.spec_text = source.text();
  plan.spec_sha256 = sha256(plan.spec_text);
  plan.sets = sets;
  Problems problems;
  const std::shared_ptr<const Spec> spec = read_spec(std::move(source), sets, problems);
  plan.name = spec->name;
  plan.rules = spec->rules;
  expand(spec, catalogue, most_trials, plan, problems);
  problems.throw_if_any();
  if (plan.rules.prune && std::none_of(plan.trials.begin(), plan.trials.end(), [&](const auto& trial) {
        return could_prune(*plan.rules.prune, trial.config->resolved());
      }))
    plan.notices.push_back("prune: no trial measures anything between round " +
                           std::to_string(plan.rules.prune->warmup) +
                           " (prune.warmup) and its last one, so nothing will be pruned; a metric measures "
                           "every \"every\" rounds");
  return plan;
}

Json plan_json(const Plan& plan) {
  Json trials = Json::array();
  for (const PlannedTrial& trial : plan.trials) {
    trials.push_back({{"name", trial.name},
                      {"config_hash", trial.config->hash},
                      {"trial_hash", trial.trial_hash},
                      {"seed", trial.seed},
                      {"config", trial.config->resolved()}});
  }
  return {{"name", plan.name},
          {"arithmetic", plan.arithmetic},
          {"notices", plan.notices},
          {"trials", std::move(trials)}};
}

std::vector<Param> config_params(const Json& resolved) {
  std::vector<Param> params;
  leaves(resolved, "", params);
  return params;
}

Json plugin_files(const Json& resolved, const Catalogue& catalogue) {
  Json files = Json::object();
  const Json& dataset = resolved.at("dataset");
  add_file(files, catalogue, "dataset", dataset);
  if (dataset.contains("select") && dataset["select"].at("features").is_object())
    add_file(files, catalogue, "model", dataset["select"]["features"]);
  for (const Json& model : resolved.at("models")) add_file(files, catalogue, "model", model);
  for (const Json& loss : resolved.at("losses")) add_file(files, catalogue, "loss", loss);
  for (const Json& metric : resolved.at("metrics")) {
    add_file(files, catalogue, "metric", metric);
    if (metric.at("features").is_object()) add_file(files, catalogue, "model", metric.at("features"));
  }
  for (const Json& transform : resolved.at("train").at("augment"))
    add_file(files, catalogue, "transform", transform);
  return files;
}

}  // namespace saddle
