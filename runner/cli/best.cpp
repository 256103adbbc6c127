#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <cli/group_ranking.hpp>
#include <cli/ranking.hpp>
#include <cli/scope.hpp>
#include <cli/table.hpp>

// saddle best: configs ranked by a metric.
namespace saddle::cli {

void add_best(CLI::App& app, Globals& globals) {
  struct Options {
    std::string metric;
    std::vector<std::string> group_by;
    std::optional<std::string> protocol;
    ScopeOptions scope;
    bool max = false, min = false, pruned = false, json = false;
    std::size_t limit = 0;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("best", "Configs ranked by a metric's last value, mean over seeds");
  command
      ->add_option("-m,--metric,--by", options->metric,
                   "Metric, as frechet; frechet.min: its lowest value instead of the last")
      ->required();
  add_scope_options(*command, options->scope, WithoutOptions::latest_experiment);
  auto* max = command->add_flag(
      "--max", options->max,
      "Higher is better [for values of which the metric says so: precision, coverage, inception_score ...]");
  command->add_flag("--min", options->min, "Lower is better [for all others]")->excludes(max);
  command->add_flag("--pruned", options->pruned,
                    "Rank pruned trials too, by their last value [only trials that were trained to the end]");
  command
      ->add_option("--protocol", options->protocol,
                   "What was measured under the protocols with this in their name, as truncation=0.5, or all "
                   "[those that training measured under]")
      ->type_name("TEXT");
  command->add_option("-n,--limit", options->limit, "Show the first N [all]");
  command->add_flag("--json", options->json, "A list of objects");
  command
      ->add_option("--group-by", options->group_by,
                   "Rank the values of this parameter instead, whatever the others are; may be repeated")
      ->allow_extra_args(false)
      ->type_name("PARAM");
  command->callback([options, &globals] {
    db::Reader reader(globals.database);
    const Scoped scoped = resolve(reader, options->scope, WithoutOptions::latest_experiment);
    std::optional<bool> higher;
    if (options->max || options->min) higher = options->max;
    const std::string title = scoped.experiment.name.empty() ? "" : scoped.experiment.name + ": ";
    if (!options->group_by.empty()) {
      GroupRankings rankings =
          rank_groups(reader, scoped.scope, options->metric, options->group_by, higher, options->pruned);
      if (!options->json || options->protocol)
        rankings.others = take_others(rankings.by_protocol, options->protocol);
      if (options->json) return print_json(std::cout, to_json(rankings, options->limit));
      std::cout << title;
      return print_rankings(std::cout, rankings, options->limit);
    }
    Rankings rankings = rank(reader, scoped.scope, options->metric, higher, options->pruned);
    // A program gets all of them, each row with its protocol.
    if (!options->json || options->protocol)
      rankings.others = take_others(rankings.by_protocol, options->protocol);
    if (options->json) return print_json(std::cout, to_json(rankings, options->limit));
    std::cout << title;
    print_rankings(std::cout, rankings, options->limit);
  });
}

}  // namespace saddle::cli
