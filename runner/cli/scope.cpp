#include <cli/scope.hpp>

#include <CLI/CLI.hpp>

#include <cli/where.hpp>

namespace saddle::cli {

std::vector<db::Value> Scope::binds(std::vector<db::Value> more) const {
  std::vector<db::Value> all(2);
  if (experiment) all[0] = *experiment;
  if (trials) {
    std::string list = "[";
    for (const std::int64_t trial : *trials) list += (list.size() > 1 ? "," : "") + std::to_string(trial);
    all[1] = list + "]";
  }
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

void add_scope_options(CLI::App& command, ScopeOptions& options, WithoutOptions without) {
  const bool latest = without == WithoutOptions::latest_experiment;
  auto* experiment = command.add_option(
      "-e,--experiment", options.experiment,
      latest ? "Experiment (name or number) [the latest]" : "Only of this experiment (name or number)");
  if (latest)
    command.add_flag("--all", options.all, "Of all experiments in the database")->excludes(experiment);
  command
      .add_option("--where", options.where,
                  "Only trials for which this holds, as 'params.lr < 1e-3 and finals.frechet < 40'")
      ->type_name("CONDITION");
}

Scoped resolve(db::Reader& reader, const ScopeOptions& options, WithoutOptions without) {
  Scoped result;
  const bool latest = without == WithoutOptions::latest_experiment && !options.all;
  if (latest || !options.experiment.empty()) {
    result.experiment = select_experiment(reader, options.experiment);
    result.scope.experiment = result.experiment.id;
  }
  if (!options.where.empty()) result.scope.trials = trials_where(reader, options.where);
  return result;
}

}  // namespace saddle::cli
