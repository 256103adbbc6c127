#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <cli/ranking.hpp>
#include <cli/select.hpp>
#include <cli/table.hpp>

// saddle best: configs ranked by a metric.
namespace saddle::cli {

void add_best(CLI::App& app, Globals& globals) {
  struct Options {
    std::string metric, experiment;
    bool all = false, max = false, min = false, json = false;
    std::size_t limit = 0;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("best", "Configs ranked by a metric's last value, mean over seeds");
  command->add_option("-m,--metric", options->metric, "Metric, as frechet or precision")->required();
  auto* experiment =
      command->add_option("-e,--experiment", options->experiment, "Experiment (name or number) [the latest]");
  command->add_flag("--all", options->all, "Of all experiments in the database")->excludes(experiment);
  auto* max = command->add_flag(
      "--max", options->max,
      "Higher is better [for precision, recall, density, coverage, modes_covered, good_share]");
  command->add_flag("--min", options->min, "Lower is better [for all others]")->excludes(max);
  command->add_option("-n,--limit", options->limit, "Show the first N configs [all]");
  command->add_flag("--json", options->json, "A list of objects");
  command->callback([options, &globals] {
    db::Reader reader(globals.database);
    std::optional<std::int64_t> id;
    ExperimentRef of;
    if (!options->all) {
      of = select_experiment(reader, options->experiment);
      id = of.id;
    }
    std::optional<bool> higher;
    if (options->max || options->min) higher = options->max;
    const Rankings rankings = rank(reader, id, options->metric, higher);
    if (options->json) {
      print_json(std::cout, to_json(rankings, options->limit));
      return;
    }
    if (id) std::cout << of.name << ": ";
    print_rankings(std::cout, rankings, options->limit);
  });
}

}  // namespace saddle::cli
