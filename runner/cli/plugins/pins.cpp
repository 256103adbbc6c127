#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <cli/pinned.hpp>
#include <cli/plugins/commands.hpp>
#include <common/error.hpp>
#include <common/paths.hpp>
#include <grid/pins.hpp>
#include <grid/plan.hpp>

namespace saddle::cli {
namespace {

struct Arguments {
  std::string file;
  std::vector<std::string> sets;
};

// The block for the grid file on stdout; how it differs from what is there on stderr.
void print_pins(const Arguments& arguments, Globals& globals) {
  const Catalogue catalogue = Catalogue::discover(plugin_search_path(globals.plugin_folders));
  const Plan plan = load_plan(arguments.file, arguments.sets, catalogue, kMostTrials);
  const Pins pins = pins_of(plan, catalogue);
  std::cout << "\"pins\": " << Json(pins).dump(2) << '\n';
  for (const auto& [component, pin] : plan.rules.pins) {
    const auto now = pins.find(component);
    if (now == pins.end()) {
      std::cerr << component << " is pinned in " << arguments.file << ", and no trial uses it\n";
    } else if (now->second != pin) {
      std::cerr << component << " is pinned in " << arguments.file << " to " << pin << '\n';
      globals.exit_code = kNegative;
    }
  }
}

}  // namespace

void add_plugins_pins(CLI::App& plugins, Globals& globals) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = plugins.add_subcommand(
      "pins", "The SHA-256 of each plugin file that a grid uses, as the block \"pins\" to paste into it");
  add_grid_options(*command, arguments->file, arguments->sets)->required();
  command->callback([arguments, &globals] { print_pins(*arguments, globals); });
}

}  // namespace saddle::cli
