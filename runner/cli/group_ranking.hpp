#pragma once
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include <cli/groups.hpp>
#include <cli/table.hpp>

namespace saddle::cli {

// The values of some parameters, ranked by the mean of a metric over all trials
// that have them.
struct RankedGroup {
  std::vector<std::string> key;  // a text for each parameter
  Group group;
  Moments moments;
  std::optional<Interval> interval;
};

struct GroupRanking {
  std::string protocol, protocol_label;
  bool in_training = false;         // training measured under it, not only `saddle eval` later
  std::vector<RankedGroup> groups;  // the best first, those without a mean at the end
};

struct GroupRankings {
  std::string metric;
  bool higher_is_better = false, evaluated = false;
  std::vector<std::string> titles;
  std::vector<GroupRanking> by_protocol;  // training's own first, among these the one with most trials
  std::vector<std::string> others;        // labels of protocols that were taken out
};

GroupRankings rank_groups(db::Reader& reader, const Scope& scope, const std::string& metric,
                          const std::vector<std::string>& params, std::optional<bool> higher = {},
                          bool with_pruned = false);

void print_rankings(std::ostream& out, const GroupRankings& rankings, std::size_t limit = 0);
OrderedJson to_json(const GroupRankings& rankings, std::size_t limit = 0);

}  // namespace saddle::cli
