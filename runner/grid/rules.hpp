#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include <common/json.hpp>
#include <grid/schema.hpp>

// What a grid file says of how its trials are run. Nothing of it is part of a
// trial's identity.
namespace saddle {

struct Limits {
  double time_s = 0;            // of one attempt; 0 = none
  int memory_mb = 0;            // of one attempt; 0 = none
  int retries = 0;              // of one trial, after a crash
  int stop_after_failures = 0;  // of the whole run, in one way; 0 = never
};

struct Resources {
  int threads = 0;  // cores kept for one trial; 0 = train.threads
  double gpu = 1;   // share of one GPU that a trial on a GPU takes
};

// Which trials are ended early, by one metric.
struct Prune {
  std::string use;  // median, asha
  std::string metric;
  bool larger_is_better = false;
  int smooth = 1;
  std::int64_t warmup = 0;
  int min_trials = 0;
  int patience = 0;  // median
  double eta = 0;    // asha
};

// {"loss/hinge": SHA-256 of the plugin file}
using Pins = std::map<std::string, std::string>;

struct Rules {
  Limits limits;
  Resources resources;
  std::optional<Prune> prune;
  Pins pins;
  bool pins_required = false;  // --require-pins: what is used must be pinned
};

// A grid's "prune", checked against what its "use" takes, with defaults filled in;
// what is wrong is reported at "/prune/...".
Json checked_prune(const Json& written, const Report& report);

// Whether a trial of this config measures anything between the warm-up and its last
// round; by that it could be pruned.
bool could_prune(const Prune& prune, const Json& resolved);

// From the grid's own keys, checked and with their defaults filled in.
Rules rules_from(const Json& grid);
// The same for the store: rules_from() gives them back, those that are not in it as
// they are by default.
Json to_json(const Rules& rules);
Rules stored_rules(const Json& stored);

}  // namespace saddle
