#include <cli/ranking.hpp>

#include <algorithm>
#include <array>
#include <ostream>
#include <set>

#include <cli/outcome.hpp>
#include <cli/select.hpp>
#include <cli/statistics.hpp>
#include <cli/table.hpp>
#include <common/better.hpp>
#include <common/error.hpp>
#include <common/nearest.hpp>

namespace saddle::cli {
namespace {

constexpr std::array<const char*, 3> kBaselines{"noise", "untrained", "floor"};

Ranking rank_protocol(const std::vector<Outcome>& all, const std::string& metric, const std::string& protocol,
                      bool higher) {
  Ranking ranking{.metric = metric, .protocol = protocol, .higher_is_better = higher};
  std::map<std::string, RankedConfig> configs;
  std::map<std::string, Tally> tallies;
  for (const Outcome& outcome : all) {
    // Of trials that never got to measure anything it is not known under which
    // protocol they would have: they appear wherever their config does.
    if (outcome.measured && outcome.protocol != protocol) continue;
    RankedConfig& config = configs[outcome.config_hash];
    config.config_hash = outcome.config_hash;
    config.trials.push_back(outcome.trial);
    tallies[outcome.config_hash].add(outcome);
  }
  for (auto& [hash, config] : configs) {
    const Moments m = moments(tallies[hash].values);
    config.tally = std::move(tallies[hash]);
    config.mean = m.mean;
    config.spread = m.spread;
    ranking.configs.push_back(std::move(config));
  }
  std::stable_sort(ranking.configs.begin(), ranking.configs.end(),
                   [&](const RankedConfig& a, const RankedConfig& b) {
                     if (!a.mean || !b.mean) return a.mean.has_value() && !b.mean.has_value();
                     return higher ? *a.mean > *b.mean : *a.mean < *b.mean;
                   });
  return ranking;
}

std::vector<Baseline> baselines(db::Reader& reader, const Scope& scope, const std::string& metric) {
  Json names = Json::array();
  for (const char* name : kBaselines) names.push_back(metric + "/" + name);
  std::vector<Baseline> found;
  for (const auto& row : reader.named("baselines", scope.binds({names.dump()})).rows) {
    Baseline& baseline = found.emplace_back();
    baseline.name = text_of(row[0]).substr(metric.size() + 1);
    baseline.protocol = text_of(row[1]);
    baseline.mean = std::get<double>(row[2]);
    if (const auto* spread = std::get_if<double>(&row[3])) baseline.spread = *spread;
    baseline.n = static_cast<int>(integer_of(row[4]));
  }
  const auto place = [](const Baseline& b) {
    return std::find(kBaselines.begin(), kBaselines.end(), b.name) - kBaselines.begin();
  };
  std::stable_sort(found.begin(), found.end(),
                   [&](const Baseline& a, const Baseline& b) { return place(a) < place(b); });
  return found;
}

[[noreturn]] void no_such_metric(db::Reader& reader, const Scope& scope, const std::string& metric) {
  std::vector<std::string> names;
  for (const auto& row : reader.named("metric_names", scope.binds()).rows) names.push_back(text_of(row[0]));
  if (names.empty()) throw Error("no trial has ended yet, so nothing can be ranked; see: saddle ls");
  throw Error("no metric \"" + metric + "\" was recorded. " + suggestion(metric, names, 40));
}

const char* meaning(const std::string& baseline) {
  if (baseline == "noise") return "noise instead of samples";
  if (baseline == "untrained") return "before training";
  return "one half of the real data against the other";
}

void print_ranking(std::ostream& out, const Ranking& ranking, const Distinctions& distinctions,
                   std::size_t limit) {
  const bool labelled = !distinctions.titles.empty();
  std::vector<Table::Column> columns{{"#", true}};
  for (const std::string& title : distinctions.titles) columns.push_back({title});
  if (!labelled) columns.push_back({"config"});
  const std::size_t middle = columns.size() - 1;
  // An interval takes three seeds: without such a config there is no column.
  const bool intervals = std::any_of(ranking.configs.begin(), ranking.configs.end(),
                                     [](const RankedConfig& c) { return c.tally.counted >= 3; });
  columns.insert(columns.end(), {{ranking.metric, true}, {"+-", true}});
  if (intervals) columns.push_back({"95% interval"});
  columns.insert(columns.end(), {{"seeds", true}, {""}});
  Table table(columns);
  const auto add = [&](const std::string& place, std::vector<std::string> cells,
                       const std::optional<double>& mean, const std::optional<double>& spread,
                       const std::optional<Interval>& interval, int n, const std::string& note) {
    cells.resize(middle);
    cells.insert(cells.begin(), place);
    cells.insert(cells.end(), {mean ? number_text(*mean) : "-", spread ? number_text(*spread) : ""});
    if (intervals)
      cells.push_back(interval ? number_text(interval->low) + " to " + number_text(interval->high) : "");
    cells.insert(cells.end(), {std::to_string(n), note});
    table.add(std::move(cells));
  };

  std::size_t place = 0;
  for (const RankedConfig& config : ranking.configs) {
    if (limit > 0 && place == limit) break;
    ++place;
    const auto cells = distinctions.cells.find(config.config_hash);
    add(config.mean ? std::to_string(place) : "",
        labelled && cells != distinctions.cells.end()
            ? cells->second
            : std::vector<std::string>{config.config_hash.substr(0, 8)},
        config.mean, config.spread, config.interval(), config.tally.counted, config.tally.note());
  }
  std::vector<const Baseline*> apart;
  bool first = true;
  for (const Baseline& baseline : ranking.baselines) {
    if (baseline.protocol != ranking.protocol) {
      apart.push_back(&baseline);
      continue;
    }
    if (first) table.add_gap();
    first = false;
    add("", {baseline.name}, baseline.mean, baseline.spread, {}, baseline.n, meaning(baseline.name));
  }
  // Of an evaluated metric one may say what is better, of a loss only what is lower.
  const bool evaluated = !ranking.protocol.empty();
  out << ranking.metric << ", " << (ranking.higher_is_better ? "higher" : "lower")
      << (evaluated ? " is better" : " first") << "; mean and standard deviation over seeds";
  if (!ranking.protocol_label.empty()) out << "; measured with " << ranking.protocol_label;
  out << "\n";
  table.print(out, "  ", terminal_columns());
  if (place < ranking.configs.size()) out << "  and " << ranking.configs.size() - place << " more\n";
  if (intervals) out << "  interval of the mean: percentile bootstrap over the seeds of each config\n";
  for (const Baseline* baseline : apart) {
    const auto labels = protocol_labels({ranking.protocol, baseline->protocol});
    out << "  " << baseline->name << " (" << meaning(baseline->name) << "; measured with "
        << labels.at(baseline->protocol) << "): " << number_text(baseline->mean) << '\n';
  }
}

// 0010-biggan-plain-s1 -> biggan-plain: what the sweep of its experiment calls a config.
std::string swept_name(const std::string& trial) {
  const std::size_t begin = trial.find('-'), end = trial.rfind("-s");
  return begin == std::string::npos || end <= begin ? "" : trial.substr(begin + 1, end - begin - 1);
}

// Whether some configs read alike: one has an entry that another has not, such as dataset.select.
bool some_alike(const Distinctions& distinctions) {
  std::set<std::vector<std::string>> seen;
  for (const auto& [config, cells] : distinctions.cells)
    if (!seen.insert(cells).second) return true;
  return false;
}

// Whether the sweep of the experiment has a oneOf whose branches the user named.
bool named_by_sweep(db::Reader& reader, std::int64_t experiment) {
  const db::Rows rows = reader.query("SELECT spec FROM experiments WHERE experiment_id = ?1", {experiment});
  if (rows.rows.empty()) return false;
  const Json spec = Json::parse(text_of(rows.rows[0][0]), nullptr, /*allow_exceptions=*/false);
  const Json sweep = spec.is_object() ? spec.value("sweep", Json()) : Json();
  return std::any_of(sweep.begin(), sweep.end(), [](const Json& axis) {
    const Json branches = axis.is_object() ? axis.value("oneOf", Json()) : Json();
    return branches.is_array() && !branches.empty() &&
           std::all_of(branches.begin(), branches.end(),
                       [](const Json& b) { return b.is_object() && b.contains("name"); });
  });
}

// Configs of one experiment have the names that its sweep gives them where the user named its branches.
// Branches may also differ in so much that a column for each thing says less than their names, or in
// something that no column tells.
Distinctions shortened(db::Reader& reader, const Scope& scope, Distinctions full) {
  constexpr std::size_t kMostColumns = 6;
  const bool telling = !full.titles.empty() && full.titles.size() <= kMostColumns && !some_alike(full);
  if (!scope.experiment || (telling && !named_by_sweep(reader, *scope.experiment))) return full;
  Distinctions named{.titles = {"config"}, .paths = {""}, .cells = {}};
  std::map<std::string, std::string> config_of;
  const db::Rows rows = reader.query(
      "SELECT x.name, t.config_hash FROM experiment_trials x JOIN trials t USING (trial) WHERE "
      "x.experiment_id = ?1",
      {*scope.experiment});
  for (const auto& row : rows.rows) {
    const std::string name = swept_name(text_of(row[0])), config = text_of(row[1]);
    if (name.empty() || config_of.try_emplace(name, config).first->second != config) return full;
    named.cells[config] = {name};
  }
  return named;
}

}  // namespace

bool higher_is_better(const std::string& metric, const std::string& protocol) {
  const Json says = Json::parse(protocol, nullptr, /*allow_exceptions=*/false);
  if (says.is_object() && says.contains("better")) return says["better"] == "higher";
  return known_as_higher(metric);
}

Rankings rank(db::Reader& reader, const Scope& scope, const std::string& metric, std::optional<bool> higher,
              bool with_pruned) {
  const std::optional<MetricMeaning> meaning = metric_meaning(reader, metric);
  if (!meaning) no_such_metric(reader, scope, metric);
  const std::vector<Outcome> all = outcomes(reader, scope, *meaning, with_pruned);
  const std::vector<std::string> names = protocols_of(all);
  if (names.empty()) no_such_metric(reader, scope, metric);
  const auto labels = protocol_labels(names);

  Rankings rankings{.by_protocol = {}, .configs = shortened(reader, scope, distinguish(reader, scope))};
  const std::vector<Baseline> references = baselines(reader, scope, meaning->metric);
  const auto measured = [&](const std::string& protocol) {
    return std::find(names.begin(), names.end(), protocol) != names.end();
  };
  for (const std::string& protocol : names) {
    Ranking ranking =
        rank_protocol(all, metric, protocol, higher.value_or(higher_is_better(meaning->metric, protocol)));
    ranking.series = *meaning;
    if (names.size() > 1) ranking.protocol_label = labels.at(protocol);
    // A baseline belongs to the ranking of its protocol; one whose protocol no
    // ranking has (the floor uses half the real images) is told apart from each.
    for (const Baseline& baseline : references)
      if (baseline.protocol == protocol || !measured(baseline.protocol))
        ranking.baselines.push_back(baseline);
    for (const Baseline& baseline : references)
      if (baseline.protocol == protocol) ranking.in_training = true;
    rankings.by_protocol.push_back(std::move(ranking));
  }
  std::stable_partition(rankings.by_protocol.begin(), rankings.by_protocol.end(),
                        [](const Ranking& ranking) { return ranking.in_training; });
  return rankings;
}

void print_rankings(std::ostream& out, const Rankings& rankings, std::size_t limit) {
  for (std::size_t i = 0; i < rankings.by_protocol.size(); ++i) {
    if (i > 0) out << '\n';
    print_ranking(out, rankings.by_protocol[i], rankings.configs, limit);
  }
  if (!rankings.by_protocol.empty()) print_others(out, rankings.by_protocol[0].metric, rankings.others);
}

OrderedJson to_json(const Rankings& rankings, std::size_t limit) {
  const auto number = [](const std::optional<double>& value) {
    return value ? OrderedJson(*value) : OrderedJson(nullptr);
  };
  const auto protocol_json = [](const std::string& text) {
    return text.empty() ? OrderedJson(nullptr) : OrderedJson::parse(text, nullptr, false);
  };
  OrderedJson list = OrderedJson::array();
  for (const Ranking& ranking : rankings.by_protocol) {
    std::size_t place = 0;
    for (const RankedConfig& config : ranking.configs) {
      if (limit > 0 && place == limit) break;
      ++place;
      OrderedJson distinct = OrderedJson::object();
      const auto cells = rankings.configs.cells.find(config.config_hash);
      if (cells != rankings.configs.cells.end())
        for (std::size_t i = 0; i < rankings.configs.titles.size(); ++i)
          distinct[rankings.configs.titles[i]] = cells->second[i];
      const std::optional<Interval> interval = config.interval();
      list.push_back({{"rank", config.mean ? OrderedJson(place) : OrderedJson(nullptr)},
                      {"config_hash", config.config_hash},
                      {"label", rankings.configs.label(config.config_hash)},
                      {"differs", distinct},
                      {"metric", ranking.metric},
                      {"protocol", protocol_json(ranking.protocol)},
                      {"mean", number(config.mean)},
                      {"std", number(config.spread)},
                      {"n", config.tally.counted},
                      {"low", interval ? OrderedJson(interval->low) : OrderedJson(nullptr)},
                      {"high", interval ? OrderedJson(interval->high) : OrderedJson(nullptr)},
                      {"trials", config.trials},
                      {"diverged", config.tally.diverged},
                      {"failed", config.tally.failed},
                      {"pruned", config.tally.pruned},
                      {"unfinished", config.tally.unfinished}});
    }
  }
  return list;
}

}  // namespace saddle::cli
