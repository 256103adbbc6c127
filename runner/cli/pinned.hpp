#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <grid/catalogue.hpp>
#include <grid/plan.hpp>

namespace saddle::cli {

// A grid file, planned with the components at hand, its pins held against their files. With `require_pins` no
// plugin is opened that the grid does not pin.
struct PinnedPlan {
  Catalogue catalogue;
  Plan plan;
};
PinnedPlan load_pinned(const std::filesystem::path& file, const std::vector<std::string>& sets,
                       std::size_t most_trials, bool require_pins, const Globals& globals);

// FILE and --set of the commands that plan a grid file. Gives the option of the file.
CLI::Option* add_grid_options(CLI::App& command, std::string& file, std::vector<std::string>& sets);

// The components at hand for rules that are known.
Catalogue catalogue_for(const Rules& rules, const Globals& globals);

}  // namespace saddle::cli
