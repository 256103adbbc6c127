#include <cli/pinned.hpp>

#include <cli/trained_weights.hpp>
#include <common/paths.hpp>
#include <grid/pins.hpp>

namespace saddle::cli {

CLI::Option* add_grid_options(CLI::App& command, std::string& file, std::vector<std::string>& sets) {
  CLI::Option* option = command.add_option("file", file, "Grid file (JSON)")->type_name("FILE");
  command
      .add_option("--set", sets, "Put a value over the file and its sweep: train.rounds=100; may be repeated")
      ->allow_extra_args(false)
      ->type_name("PATH=VALUE");
  return option;
}

Catalogue catalogue_for(const Rules& rules, const Globals& globals) {
  Catalogue catalogue = Catalogue::discover(plugin_search_path(globals.plugin_folders), discover_for(rules));
  catalogue.find_trained = find_trained_in(globals.database);
  check_pinned_files(rules, catalogue);
  return catalogue;
}

PinnedPlan load_pinned(const std::filesystem::path& file, const std::vector<std::string>& sets,
                       std::size_t most_trials, bool require_pins, const Globals& globals) {
  Rules rules;
  if (require_pins) rules = rules_of(file, sets);
  rules.pins_required = require_pins;
  Catalogue catalogue = catalogue_for(rules, globals);
  Plan plan = load_plan(file, sets, catalogue, most_trials);
  plan.rules.pins_required = require_pins;
  check_pins(plan, catalogue);
  return {std::move(catalogue), std::move(plan)};
}

}  // namespace saddle::cli
