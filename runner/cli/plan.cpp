#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <cli/pinned.hpp>
#include <cli/estimate.hpp>
#include <cli/execute.hpp>
#include <cli/table.hpp>
#include <common/error.hpp>
#include <common/paths.hpp>
#include <grid/choice.hpp>
#include <grid/json_schema.hpp>
#include <grid/plan.hpp>

namespace saddle::cli {
namespace {

constexpr std::size_t kShown = 60;

struct Arguments {
  std::string file;
  std::vector<std::string> sets, only, where;
  bool json = false, yes = false, schema = false, require_pins = false;
};

void print_trials(const std::vector<PlannedTrial>& trials) {
  std::vector<Table::Column> columns = {{"trial"}};
  for (const auto& [axis, text] : trials.front().config->swept) columns.push_back({axis});
  columns.push_back({"seed", true});
  columns.push_back({"config"});
  Table table(columns);
  const std::size_t shown = std::min(trials.size(), kShown);
  for (std::size_t i = 0; i < shown; ++i) {
    const PlannedTrial& trial = trials[i];
    std::vector<std::string> cells = {trial.name};
    for (const auto& [axis, text] : trial.config->swept) cells.push_back(text);
    cells.push_back(std::to_string(trial.seed));
    cells.push_back(trial.config->hash.substr(0, 10));
    table.add(std::move(cells));
  }
  table.print(std::cout);
  if (shown < trials.size()) {
    std::cout << "... and " << trials.size() - shown << " more; --json lists them all\n";
  }
}

void show_plan(const Arguments& arguments, const Globals& globals) {
  if (arguments.schema) {
    const Catalogue catalogue = Catalogue::discover(plugin_search_path(globals.plugin_folders));
    std::cout << grid_json_schema(catalogue).dump(1) << '\n';
    return;
  }
  if (arguments.file.empty()) throw Error("plan needs a grid file: saddle plan FILE");
  const Choice choice(arguments.only, arguments.where);
  auto [catalogue, plan] =
      load_pinned(arguments.file, arguments.sets, arguments.yes ? kMostTrials : kUsualTrials,
                  arguments.require_pins, globals);
  for (std::string& note : prove(plan, catalogue)) plan.notices.push_back(std::move(note));
  const std::size_t all = plan.trials.size();
  plan.trials = chosen_trials(plan, choice);
  const std::optional<Estimate> time = estimate(plan, globals.database);
  for (const std::string& notice : plan.notices) std::cerr << "note: " << notice << '\n';
  if (arguments.json) {
    Json json = plan_json(plan);
    json["estimate"] = nullptr;
    if (time) {
      json["estimate"] = {{"done", time->done},         {"known", time->known}, {"unknown", time->unknown},
                          {"attempts", time->attempts}, {"cores", time->cores}, {"seconds", time->seconds}};
    }
    std::cout << json.dump(1) << '\n';
    return;
  }
  std::cout << plan.name << ": " << plan.arithmetic;
  if (plan.trials.size() < all) std::cout << ", of which " << plan.trials.size() << " are chosen";
  std::cout << '\n';
  if (time && !describe(*time).empty()) std::cout << describe(*time) << '\n';
  std::cout << '\n';
  print_trials(plan.trials);
}

}  // namespace

void add_plan(CLI::App& app, Globals& globals) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("plan", "What a grid would run, checked to its shapes, without running it");
  add_grid_options(*command, arguments->file, arguments->sets);
  add_choice_options(*command, arguments->only, arguments->where);
  command->add_flag("--yes", arguments->yes, "Plan more than 10,000 trials");
  command->add_flag("--require-pins", arguments->require_pins,
                    "Open and use no plugin that the grid does not pin by its SHA-256");
  command->add_flag(
      "--json", arguments->json,
      "{\"name\", \"arithmetic\", \"notices\", \"estimate\", \"trials\": [{\"name\", \"config_hash\", "
      "\"trial_hash\", \"seed\", \"config\"}]}");
  command->add_flag(
      "--schema", arguments->schema,
      "A JSON Schema of grid files, for editors; with the parameters of all components at hand");
  command->callback([arguments, &globals] { show_plan(*arguments, globals); });
}

}  // namespace saddle::cli
