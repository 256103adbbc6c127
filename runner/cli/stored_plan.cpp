#include <cli/stored_plan.hpp>

#include <memory>
#include <string>

#include <common/process.hpp>
#include <common/sha256.hpp>
#include <db/reader.hpp>

namespace saddle::cli {
namespace {

namespace fs = std::filesystem;

std::string git(const fs::path& folder, const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {"/usr/bin/env", "git", "-C", folder.string()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  const ChildResult result = run_child(argv, "", 5);
  return result.ok() ? result.out.substr(0, result.out.find_last_not_of('\n') + 1) : "";
}

}  // namespace

db::NewExperiment describe(const Plan& plan) {
  db::NewExperiment experiment;
  experiment.name = plan.name;
  experiment.spec_text = plan.spec_text;
  experiment.spec_sha256 = plan.spec_sha256;
  // Another --set is another plan of the same file.
  if (!plan.sets.empty()) experiment.spec_sha256 = sha256(plan.spec_text + Json(plan.sets).dump());
  experiment.file = fs::absolute(plan.file).string();
  const fs::path folder = fs::absolute(plan.file).parent_path();
  experiment.git_commit = git(folder, {"rev-parse", "HEAD"});
  if (!experiment.git_commit.empty())
    experiment.git_dirty = !git(folder, {"status", "--porcelain", "--untracked-files=no"}).empty();
  return experiment;
}

std::vector<db::PlannedTrial> frozen(const Plan& plan) {
  std::vector<db::PlannedTrial> trials;
  std::shared_ptr<const PlannedConfig> last;  // the seeds of one config follow each other
  std::string config;
  for (const PlannedTrial& planned : plan.trials) {
    db::PlannedTrial trial;
    trial.name = planned.name;
    trial.ordinal = planned.ordinal;
    trial.config_hash = planned.config->hash;
    trial.trial_hash = planned.trial_hash;
    trial.seed = planned.seed;
    if (planned.config != last) config = planned.config->resolved().dump();
    last = planned.config;
    trial.config_json = config;
    trials.push_back(std::move(trial));
  }
  return trials;
}

std::int64_t store_plan(db::Store& store, const Plan& plan) {
  const std::int64_t id = store.add_experiment(describe(plan));
  // What the file's text alone does not say; `resume` reads it back. Stored before the plan: who is killed in
  // between leaves no trial that lacks its rules.
  db::Event event;
  event.type = "run";
  event.experiment = id;
  event.data = Json{{"experiment_id", id}, {"sets", plan.sets}, {"rules", to_json(plan.rules)}}.dump();
  store.add_event(event);
  store.freeze_plan(id, frozen(plan));
  return id;
}

Rules rules_of(const std::filesystem::path& database, std::int64_t experiment) {
  db::Reader reader(database);
  const db::Rows rows = reader.query(
      "SELECT data FROM events WHERE type = 'run' AND data ->> '$.experiment_id' = ?1 ORDER BY event DESC "
      "LIMIT 1",
      {experiment});
  const Json data = rows.rows.empty() ? Json::object() : Json::parse(std::get<std::string>(rows.rows[0][0]));
  // Before there were rules the two limits stood alone.
  return stored_rules(data.value("rules", Json{{"limits", data}}));
}

}  // namespace saddle::cli
