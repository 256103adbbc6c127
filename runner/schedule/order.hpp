#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include <common/json.hpp>

namespace saddle::schedule {

// A trial as far as its place in the queue goes.
struct Place {
  std::string config_hash;       // the same for all seeds of a config
  const Json* config = nullptr;  // resolved; that of the first of these is looked at
};

// In which order to run the trials of an experiment, so that after a few of them
// something is known of every swept value: first each config once, its other seeds
// later; and of the configs always one whose values have been taken least often so
// far. What varies together (a zip, a branch with all it brings) counts as one
// value. `all` is in the order of the plan, which decides between equals, so the
// answer is always the same. Gives the indices of `all`.
std::vector<std::size_t> spread_order(const std::vector<Place>& all);

}  // namespace saddle::schedule
