#include <grid/choice.hpp>

#include <fnmatch.h>

#include <algorithm>
#include <set>

#include <common/error.hpp>
#include <common/nearest.hpp>
#include <grid/spec.hpp>

namespace saddle {
Choice::Choice(const std::vector<std::string>& only, const std::vector<std::string>& where)
    : only_(only), texts_(where) {
  std::vector<std::string> known = config_sections();
  known.insert(known.end(), {"seed", "name"});
  for (const std::string& text : where) where_.push_back(Pattern::parse(text, "--where", known));
}

bool Choice::takes(const std::string& name, std::int64_t seed, const Pattern::Sections& sections) const {
  const auto fits = [&](const std::string& glob) { return ::fnmatch(glob.c_str(), name.c_str(), 0) == 0; };
  if (!only_.empty() && std::none_of(only_.begin(), only_.end(), fits)) return false;
  const Json number = seed, text = name;
  const Pattern::Sections all = [&](const std::string& section) {
    return section == "seed" ? &number : section == "name" ? &text : sections(section);
  };
  return std::all_of(where_.begin(), where_.end(),
                     [&](const Pattern& pattern) { return pattern.holds(all); });
}

void Choice::expect_some(std::size_t chosen, const std::vector<std::string>& names) const {
  if (chosen > 0 || everything()) return;
  std::string said;
  for (const std::string& glob : only_) said += " --only '" + glob + "'";
  for (const std::string& text : texts_) said += " --where '" + text + "'";
  const std::string example = names.empty() ? "" : ", the first of which is called " + names.front();
  throw Error("no trial is chosen by" + said + "; there are " + std::to_string(names.size()) + example);
}

void Choice::expect_paths(const Plan& plan) const {
  for (const Pattern& pattern : where_) {
    for (const Pattern::Path& path : pattern.paths()) {
      const bool there = std::any_of(plan.trials.begin(), plan.trials.end(), [&](const PlannedTrial& trial) {
        return path[0] == "seed" || path[0] == "name" || Pattern::exists(path, [&](const std::string& name) {
                 return trial.config->config.section(name);
               });
      });
      if (!there)
        throw Error("--where: no trial has the path \"" + joined_path(path) + "\". " +
                    suggest_path(joined_path(path), plan));
    }
  }
}

std::vector<PlannedTrial> chosen_trials(const Plan& plan, const Choice& choice) {
  if (choice.everything()) return plan.trials;
  std::vector<PlannedTrial> chosen;
  std::vector<std::string> names;
  for (const PlannedTrial& trial : plan.trials) {
    names.push_back(trial.name);
    if (choice.takes(trial.name, trial.seed,
                     [&](const std::string& name) { return trial.config->config.section(name); }))
      chosen.push_back(trial);
  }
  if (chosen.empty()) choice.expect_paths(plan);
  choice.expect_some(chosen.size(), names);
  return chosen;
}

std::string suggest_path(const std::string& path, const Plan& plan) {
  std::set<std::string> known;
  const PlannedConfig* last = nullptr;
  for (const PlannedTrial& trial : plan.trials) {
    if (trial.config.get() == last || known.size() > 2000) continue;
    last = trial.config.get();
    for (const Param& param : config_params(last->resolved())) known.insert(param.path);
  }
  const std::string near = nearest(path, {known.begin(), known.end()});
  return near.empty() ? "saddle plan --json has all paths" : "Nearest: \"" + near + "\"";
}

}  // namespace saddle
