#pragma once
#include <cstdint>
#include <algorithm>
#include <iosfwd>
#include <optional>
#include <set>
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

// Those that training itself measured under: it measures the baselines beside.
std::set<std::string> protocols_of_training(db::Reader& reader, const Scope& scope,
                                            const std::string& metric);

[[noreturn]] void throw_no_protocol(const std::string& wanted, const std::vector<std::string>& labels);

// Takes from rankings by protocol what is not to be shown, and returns the labels of these protocols.
// `wanted` is a part of the labels of those to be shown, or "all"; none: what training measured, if it
// measured any. Throws Error if nothing is left.
template <class Ranking>
std::vector<std::string> take_others(std::vector<Ranking>& by_protocol,
                                     const std::optional<std::string>& wanted) {
  const auto shown = [&](const Ranking& r) {
    if (!wanted) return r.in_training;
    return *wanted == "all" || r.protocol_label.find(*wanted) != std::string::npos;
  };
  if (!wanted && std::none_of(by_protocol.begin(), by_protocol.end(), shown)) return {};
  std::vector<std::string> others;
  for (const Ranking& r : by_protocol)
    if (!shown(r)) others.push_back(r.protocol_label);
  if (others.size() == by_protocol.size()) throw_no_protocol(*wanted, others);
  std::erase_if(by_protocol, [&](const Ranking& r) { return !shown(r); });
  if (!wanted && by_protocol.size() == 1) by_protocol[0].protocol_label.clear();
  return others;
}
// One line that names them, and says how to ask for them; nothing for none.
void print_others(std::ostream& out, const std::string& metric, const std::vector<std::string>& labels);

// How many trials of a group count, and what became of the others.
struct Tally {
  int counted = 0;                                           // ended well with a finite value
  int diverged = 0, failed = 0, pruned = 0, unfinished = 0;  // the others
  std::vector<double> values;                                // of those that count

  void add(const Outcome& outcome);
  std::string note() const;  // "1 diverged, 2 not finished"
};

}  // namespace saddle::cli
