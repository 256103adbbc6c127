#pragma once
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <grid/catalogue.hpp>
#include <grid/plan.hpp>

// Pins: a grid may say which plugin files it wants, by SHA-256. They are no part of a trial's identity. Held
// against the files at plan, and once more by the worker, before it opens each.
namespace saddle {

// {"loss/hinge": SHA-256}, of the files of all components that the plan's trials use.
Pins pins_of(const Plan& plan, const Catalogue& catalogue);

// Throws Error, with places in the grid file, for a pin that is none, a pinned component whose file is
// another, and, where pins are required, a component that is used and has none. A pin that nothing uses is a
// notice.
void check_pins(Plan& plan, const Catalogue& catalogue);

// The same for what a stored plan uses, without places.
void check_pins(const Rules& rules, const std::set<std::string>& components, const Catalogue& catalogue);

// How plugins are looked for: where pins are required, no file is opened for the first time that is not
// pinned.
DiscoverOptions discover_for(const Rules& rules);

// Where pins are required: throws Error for a pinned component that none of the files at hand gives, with
// those that were not opened and may be meant.
void check_pinned_files(const Rules& rules, const Catalogue& catalogue);

// The rules of a grid file alone. What is wrong with it is left to load_plan.
Rules rules_of(const std::filesystem::path& grid, const std::vector<std::string>& sets);

}  // namespace saddle
