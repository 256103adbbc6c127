#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <cli/names.hpp>
#include <cli/scope.hpp>
#include <db/reader.hpp>

namespace saddle::cli {

// What one trial came to in one metric. One that was measured under several
// protocols gives several; one without a value gives one, with an empty protocol.
struct Outcome {
  std::string config_hash, state, reason, protocol;
  std::int64_t trial = 0, seed = 0;
  bool measured = false;
  std::optional<double> value;  // finite
  bool pruned_counts = false;   // of a pruned one its last value counts as well
};

std::vector<Outcome> outcomes(db::Reader& reader, const Scope& scope, const MetricMeaning& metric,
                              bool with_pruned = false);

// The protocols under which trials were measured, that of most trials first.
std::vector<std::string> protocols_of(const std::vector<Outcome>& outcomes);

// How many trials of a group count, and what became of the others.
struct Tally {
  int counted = 0;                                           // ended well with a finite value
  int diverged = 0, failed = 0, pruned = 0, unfinished = 0;  // the others
  std::vector<double> values;                                // of those that count

  void add(const Outcome& outcome);
  std::string note() const;  // "1 diverged, 2 not finished"
};

}  // namespace saddle::cli
