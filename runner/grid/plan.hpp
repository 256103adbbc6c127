#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <common/json.hpp>
#include <grid/catalogue.hpp>
#include <grid/rules.hpp>
#include <grid/resolve.hpp>

namespace saddle {

class Origin;  // where each value of a config was written

// One point of the grid: the config of all its trials, whatever their seed.
struct PlannedConfig {
  std::string hash;   // config_hash
  std::string label;  // "hinge-width32": the swept leaves, for names; may be empty
  std::vector<std::pair<std::string, std::string>> swept;  // axis of the sweep, what it is here
  ResolvedConfig config;                                   // shares its sections with other points
  std::shared_ptr<const Origin> origin;                    // for errors found later than planning

  Json resolved() const { return config.json(); }  // all defaults filled in; what the worker reads
};

struct PlannedTrial {
  int ordinal = 0;   // from 1, in the order of the plan
  std::string name;  // "0007-hinge-width32-s2", at most 60 characters
  std::int64_t seed = 0;
  std::string trial_hash;
  std::shared_ptr<const PlannedConfig> config;  // shared by the seeds
};

// A grid file, expanded, checked and frozen.
struct Plan {
  std::string name;
  std::filesystem::path file;
  std::string spec_text, spec_sha256;  // the file as it was read
  std::vector<std::string> sets;       // the --set arguments that were applied
  std::vector<PlannedTrial> trials;    // sweep axes in file order, seeds innermost
  std::string arithmetic;              // "3 x 2 x 3 - 2 excluded = 16 trials"
  std::vector<std::string> notices;    // sweeps that --set replaced, trials that were merged, idle exclusions
  Rules rules;
};

// More trials than this are planned only where that is asked for (--yes).
inline constexpr std::size_t kUsualTrials = 10'000;
inline constexpr std::size_t kMostTrials = 1'000'000;

// Reads, expands and checks a grid file. `sets` are --set arguments, "path=value".
// Throws Error with up to ten lines "file:line:col /pointer: what, expected, next step".
Plan load_plan(const std::filesystem::path& file, const std::vector<std::string>& sets,
               const Catalogue& catalogue, std::size_t most_trials = kUsualTrials);

// Lets the worker build each distinct (dataset, models, losses) of the plan with a
// batch of 2, which proves the shapes. What was proved before is not proved again.
// Throws Error with places in the grid file for what does not fit. Returns what is worth knowing: how many
// samples an instance selection leaves.
std::vector<std::string> prove(const Plan& plan, const Catalogue& catalogue);

// {"name", "arithmetic", "notices", "trials": [{"name", "config_hash", "trial_hash", "seed", "config"}]}
Json plan_json(const Plan& plan);

// Every leaf of a resolved config, for the store: path "optimizers.generator.lr",
// type integer, number, string, boolean, null, or list and object for empty ones.
struct Param {
  std::string path, type;
  Json value;
};
std::vector<Param> config_params(const Json& resolved);

// {"model/dcgan": "/abs/file.so", ...}: the files of all components a config uses.
Json plugin_files(const Json& resolved, const Catalogue& catalogue);

}  // namespace saddle
