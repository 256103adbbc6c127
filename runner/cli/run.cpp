#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <cli/execute.hpp>
#include <cli/pinned.hpp>
#include <common/paths.hpp>
#include <common/process.hpp>
#include <common/sha256.hpp>
#include <grid/choice.hpp>
#include <grid/plan.hpp>

namespace saddle::cli {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string file;
  std::vector<std::string> sets;
  bool yes = false;
  ExecuteOptions execute;
};

std::string git(const fs::path& folder, const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {"/usr/bin/env", "git", "-C", folder.string()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  const ChildResult result = run_child(argv, "", 5);
  return result.ok() ? result.out.substr(0, result.out.find_last_not_of('\n') + 1) : "";
}

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

void run(const Arguments& arguments, Globals& globals) {
  auto [catalogue, plan] =
      load_pinned(arguments.file, arguments.sets, arguments.yes ? kMostTrials : kUsualTrials,
                  arguments.execute.require_pins, globals);
  if (arguments.execute.no_prune) plan.rules.prune.reset();
  // Nothing is stored for a choice of nothing.
  const std::size_t chosen =
      chosen_trials(plan, Choice(arguments.execute.only, arguments.execute.where)).size();
  prove(plan, catalogue);
  for (const std::string& notice : plan.notices) std::cerr << "note: " << notice << '\n';
  std::cout << plan.name << ": " << plan.arithmetic;
  if (chosen < plan.trials.size()) std::cout << ", of which " << chosen << " are chosen";
  std::cout << '\n';

  schedule::Interrupts interrupts;
  db::Store store(globals.database, open_options(arguments.execute));
  const std::int64_t id = store.add_experiment(describe(plan));
  // What the file's text alone does not say; `resume` reads it back. Stored before the plan: who is killed in
  // between leaves no trial that lacks its rules.
  db::Event event;
  event.type = "run";
  event.experiment = id;
  event.data = Json{{"experiment_id", id}, {"sets", plan.sets}, {"rules", to_json(plan.rules)}}.dump();
  store.add_event(event);
  store.freeze_plan(id, frozen(plan));
  execute({id, plan.name, plan.rules}, store, catalogue, interrupts, arguments.execute, globals);
}

}  // namespace

void add_run(CLI::App& app, Globals& globals) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("run", "Run a grid file: all its trials that have no result yet");
  command->add_option("file", arguments->file, "Grid file (JSON)")->required()->type_name("FILE");
  command
      ->add_option("--set", arguments->sets,
                   "Put a value over the file and its sweep: train.rounds=100; may be repeated")
      ->allow_extra_args(false)
      ->type_name("PATH=VALUE");
  command->add_flag("--yes", arguments->yes, "Plan more than 10,000 trials");
  add_execute_options(*command, arguments->execute);
  command->callback([arguments, &globals] { run(*arguments, globals); });
}

}  // namespace saddle::cli
