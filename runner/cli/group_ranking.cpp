#include <cli/group_ranking.hpp>

#include <algorithm>
#include <ostream>

#include <cli/ranking.hpp>
#include <common/error.hpp>

namespace saddle::cli {
namespace {

std::vector<RankedGroup> ranked(const Groups& groups, bool higher) {
  std::vector<RankedGroup> all;
  for (const auto& [key, group] : groups)
    all.push_back({key, group, moments(group.tally.values), group.interval()});
  std::stable_sort(all.begin(), all.end(), [&](const RankedGroup& a, const RankedGroup& b) {
    const auto &x = a.moments.mean, &y = b.moments.mean;
    if (!x || !y) return x.has_value() && !y.has_value();
    return higher ? *x > *y : *x < *y;
  });
  return all;
}

void print_ranking(std::ostream& out, const GroupRankings& all, const GroupRanking& ranking,
                   std::size_t limit) {
  std::vector<Table::Column> columns{{"#", true}};
  for (const std::string& title : all.titles) columns.push_back({title});
  columns.insert(columns.end(),
                 {{all.metric, true}, {"+-", true}, {"95% interval"}, {"n", true}, {"configs", true}, {""}});
  Table table(columns);
  std::size_t place = 0;
  bool over_seeds = true;
  for (const auto& [key, group, moments, interval] : ranking.groups) {
    if (limit > 0 && place == limit) break;
    ++place;
    over_seeds = over_seeds && group.over_seeds();
    std::vector<std::string> cells{moments.mean ? std::to_string(place) : ""};
    cells.insert(cells.end(), key.begin(), key.end());
    cells.insert(
        cells.end(),
        {moments.mean ? number_text(*moments.mean) : "-", moments.spread ? number_text(*moments.spread) : "",
         interval ? number_text(interval->low) + " to " + number_text(interval->high) : "-",
         std::to_string(group.tally.counted), std::to_string(group.by_config.size()), group.tally.note()});
    table.add(std::move(cells));
  }
  out << all.metric << ", " << (all.higher_is_better ? "higher" : "lower")
      << (all.evaluated ? " is better" : " first")
      << "; mean, standard deviation and number of trials with each value";
  if (!ranking.protocol_label.empty()) out << "; measured with " << ranking.protocol_label;
  out << "\n";
  table.print(out, "  ", terminal_columns());
  if (place < ranking.groups.size()) out << "  and " << ranking.groups.size() - place << " more\n";
  out << "  interval of the mean: bootstrap over "
      << (over_seeds ? "the seeds of each config" : "trials; configs with one seed leave no other choice")
      << "\n";
}

}  // namespace

GroupRankings rank_groups(db::Reader& reader, const Scope& scope, const std::string& metric,
                          const std::vector<std::string>& params, std::optional<bool> higher,
                          bool with_pruned) {
  const MetricMeaning meaning = find_metric(reader, metric, "");
  const std::vector<Outcome> all = outcomes(reader, scope, meaning, with_pruned);
  const std::vector<std::string> protocols = protocols_of(all);
  if (protocols.empty()) throw Error("none of these trials has measured " + meaning.metric);
  const Distinctions distinctions = distinguish(reader, scope);
  std::vector<Grouping> by;
  for (const std::string& param : params) by.emplace_back(reader, scope, distinctions, param, "--group-by");

  GroupRankings rankings{
      .metric = metric,
      .higher_is_better = higher.value_or(higher_is_better(meaning.metric, protocols.front())),
      .evaluated = !protocols.front().empty(),
      .titles = {},
      .by_protocol = {},
      .others = {}};
  for (const Grouping& grouping : by) rankings.titles.push_back(grouping.title());
  const auto labels = protocol_labels(protocols);
  const std::set<std::string> trained = protocols_of_training(reader, scope, meaning.metric);
  for (const std::string& protocol : protocols)
    rankings.by_protocol.push_back({protocol, protocols.size() > 1 ? labels.at(protocol) : "",
                                    trained.contains(protocol),
                                    ranked(sort_into_groups(all, protocol, by), rankings.higher_is_better)});
  std::stable_partition(rankings.by_protocol.begin(), rankings.by_protocol.end(),
                        [](const GroupRanking& ranking) { return ranking.in_training; });
  return rankings;
}

void print_rankings(std::ostream& out, const GroupRankings& rankings, std::size_t limit) {
  for (std::size_t i = 0; i < rankings.by_protocol.size(); ++i) {
    if (i > 0) out << '\n';
    print_ranking(out, rankings, rankings.by_protocol[i], limit);
  }
  print_others(out, rankings.metric, rankings.others);
}

OrderedJson to_json(const GroupRankings& rankings, std::size_t limit) {
  const auto number = [](const std::optional<double>& value) {
    return value ? OrderedJson(*value) : OrderedJson(nullptr);
  };
  OrderedJson list = OrderedJson::array();
  for (const GroupRanking& ranking : rankings.by_protocol) {
    std::size_t place = 0;
    for (const auto& [key, group, moments, interval] : ranking.groups) {
      if (limit > 0 && place == limit) break;
      ++place;
      OrderedJson values = OrderedJson::object();
      for (std::size_t i = 0; i < key.size(); ++i) values[rankings.titles[i]] = key[i];
      list.push_back(
          {{"rank", moments.mean ? OrderedJson(place) : OrderedJson(nullptr)},
           {"group", values},
           {"metric", rankings.metric},
           {"protocol", ranking.protocol.empty() ? OrderedJson(nullptr)
                                                 : OrderedJson::parse(ranking.protocol, nullptr, false)},
           {"mean", number(moments.mean)},
           {"std", number(moments.spread)},
           {"n", group.tally.counted},
           {"configs", group.by_config.size()},
           {"low", interval ? OrderedJson(interval->low) : OrderedJson(nullptr)},
           {"high", interval ? OrderedJson(interval->high) : OrderedJson(nullptr)},
           {"interval_over", group.over_seeds() ? "seeds" : "trials"},
           {"diverged", group.tally.diverged},
           {"failed", group.tally.failed},
           {"pruned", group.tally.pruned},
           {"unfinished", group.tally.unfinished}});
    }
  }
  return list;
}

}  // namespace saddle::cli
