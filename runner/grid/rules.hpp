#pragma once
#include <common/json.hpp>

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

struct Rules {
  Limits limits;
  Resources resources;
};

// From the grid's own keys, checked and with their defaults filled in.
Rules rules_from(const Json& grid);
// The same for the store: rules_from() gives them back, those that are not in it as
// they are by default.
Json to_json(const Rules& rules);
Rules stored_rules(const Json& stored);

}  // namespace saddle
