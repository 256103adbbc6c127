#pragma once
#include <cstdint>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <cli/labels.hpp>
#include <cli/outcome.hpp>
#include <cli/scope.hpp>
#include <cli/statistics.hpp>
#include <cli/table.hpp>
#include <db/reader.hpp>

namespace saddle::cli {

// One config: mean and spread over its seeds of a metric's last value.
struct RankedConfig {
  std::string config_hash;
  std::vector<std::int64_t> trials;  // all of them
  Tally tally;                       // those that count make the mean
  std::optional<double> mean;
  std::optional<double> spread;  // sample standard deviation; none below two
  // 95 % bootstrap interval of the mean over seeds (bootstrap_mean); none below three.
  std::optional<Interval> interval() const { return bootstrap_mean({tally.values}); }
};

// What the metric says where nothing was learned, or nothing was generated.
struct Baseline {
  std::string name;  // noise, untrained, floor
  double mean = 0;
  std::optional<double> spread;
  int n = 0;
  std::string protocol;  // its own; not shown in one column with another
};

// The configs that were measured under one protocol, the best first; those
// without a mean at the end.
struct Ranking {
  std::string metric;          // as it was asked for: frechet, frechet.min
  MetricMeaning series;        // what that is
  std::string protocol;        // JSON text, empty for a training term
  std::string protocol_label;  // what tells it from the other rankings of this metric; empty if alone
  bool in_training = false;    // training measured under it, not only `saddle eval` later
  bool higher_is_better = false;
  std::vector<RankedConfig> configs;
  std::vector<Baseline> baselines;
};

struct Rankings {
  std::vector<Ranking> by_protocol;  // training's own first, among these the one with most trials
  Distinctions configs;
  std::vector<std::string> others;  // labels of protocols that were taken out
};

// True for metrics of which more is better: those whose protocol says so, as the metric describes itself, and
// those that are known by name (precision, recall, coverage ...).
bool higher_is_better(const std::string& metric, const std::string& protocol = "");

// Of trials that were trained to the end; with_pruned: of pruned ones as well, by the
// last value that they have. `higher`: none asks higher_is_better. Throws Error if nothing of that name was
// measured.
Rankings rank(db::Reader& reader, const Scope& scope, const std::string& metric,
              std::optional<bool> higher = {}, bool with_pruned = false);

// A table for each protocol, the baselines below. At most `limit` configs; 0: all.
void print_rankings(std::ostream& out, const Rankings& rankings, std::size_t limit = 0);

OrderedJson to_json(const Rankings& rankings, std::size_t limit = 0);

}  // namespace saddle::cli
