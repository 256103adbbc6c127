#include <cli/ranking.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <ostream>

#include <cli/table.hpp>
#include <common/error.hpp>
#include <common/nearest.hpp>

namespace saddle::cli {
namespace {

constexpr std::array<const char*, 3> kBaselines{"noise", "untrained", "floor"};

struct Moments {
  std::optional<double> mean, spread;
};

Moments moments(const std::vector<double>& values) {
  if (values.empty()) return {};
  const auto n = static_cast<double>(values.size());
  // Distances from the first value: equal values then have a spread of exactly 0.
  const double origin = std::isfinite(values.front()) ? values.front() : 0;
  double mean = origin;
  for (const double v : values) mean += (v - origin) / n;
  if (values.size() < 2) return {mean, {}};
  double squares = 0;
  for (const double v : values) squares += (v - mean) * (v - mean);
  return {mean, std::sqrt(squares / (n - 1))};
}

std::string text_of(const db::Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text ? *text : "";
}

db::Value id_value(const std::optional<std::int64_t>& experiment) {
  return experiment ? db::Value{*experiment} : db::Value{};
}

// One trial of ranking.sql. A metric that was measured under several protocols
// gives several; one without a value gives one with an empty protocol.
struct Outcome {
  std::string config_hash, state, reason, protocol;
  std::int64_t trial = 0;
  bool measured = false;
  std::optional<double> value;  // finite
};

std::vector<Outcome> outcomes(db::Reader& reader, const std::optional<std::int64_t>& experiment,
                              const std::string& metric) {
  std::vector<Outcome> all;
  for (const auto& row : reader.named("ranking", {id_value(experiment), metric}).rows) {
    Outcome outcome{text_of(row[0]),
                    text_of(row[3]),
                    text_of(row[4]),
                    text_of(row[5]),
                    std::get<std::int64_t>(row[1]),
                    false,
                    {}};
    if (const auto* kind = std::get_if<std::int64_t>(&row[7])) {
      outcome.measured = true;
      if (*kind == 0) outcome.value = std::get<double>(row[6]);
    }
    all.push_back(std::move(outcome));
  }
  return all;
}

void count_trial(RankedConfig& config, std::vector<double>& values, const Outcome& outcome) {
  config.trials.push_back(outcome.trial);
  if (outcome.reason == "diverged")
    ++config.diverged;
  else if (outcome.state == "failed")
    ++config.failed;
  else if (outcome.state != "done")
    ++config.unfinished;
  else if (outcome.value)
    values.push_back(*outcome.value);
  else if (outcome.measured)
    ++config.diverged;
}

Ranking rank_protocol(const std::vector<Outcome>& all, const std::string& metric, const std::string& protocol,
                      bool higher) {
  Ranking ranking{.metric = metric, .protocol = protocol, .higher_is_better = higher};
  std::map<std::string, RankedConfig> configs;
  std::map<std::string, std::vector<double>> values;
  for (const Outcome& outcome : all) {
    // Of trials that never got to measure anything it is not known under which
    // protocol they would have: they appear wherever their config does.
    if (outcome.measured && outcome.protocol != protocol) continue;
    RankedConfig& config = configs[outcome.config_hash];
    config.config_hash = outcome.config_hash;
    count_trial(config, values[outcome.config_hash], outcome);
  }
  for (auto& [hash, config] : configs) {
    const Moments m = moments(values[hash]);
    config.counted = static_cast<int>(values[hash].size());
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

std::vector<Baseline> baselines(db::Reader& reader, const std::optional<std::int64_t>& experiment,
                                const std::string& metric) {
  std::vector<Baseline> found;
  for (const char* name : kBaselines) {
    std::map<std::string, std::vector<double>> values;
    for (const Outcome& outcome : outcomes(reader, experiment, metric + "/" + name))
      if (outcome.value) values[outcome.protocol].push_back(*outcome.value);
    for (const auto& [protocol, list] : values) {
      const Moments m = moments(list);
      found.push_back({name, *m.mean, m.spread, static_cast<int>(list.size()), protocol});
    }
  }
  return found;
}

[[noreturn]] void no_such_metric(db::Reader& reader, const std::optional<std::int64_t>& experiment,
                                 const std::string& metric) {
  std::vector<std::string> names;
  for (const auto& row : reader.named("metric_names", {id_value(experiment)}).rows)
    names.push_back(text_of(row[0]));
  if (names.empty()) throw Error("no trial has ended yet, so nothing can be ranked; see: saddle ls");
  throw Error("no metric \"" + metric + "\" was recorded. " + suggestion(metric, names, 40));
}

std::string trials_note(const RankedConfig& config) {
  std::string note;
  const auto say = [&](int n, const char* what) {
    if (n > 0) note += (note.empty() ? "" : ", ") + std::to_string(n) + " " + what;
  };
  say(config.diverged, "diverged");
  say(config.failed, "failed");
  say(config.unfinished, "not finished");
  return note;
}

const char* meaning(const std::string& baseline) {
  if (baseline == "noise") return "noise instead of samples";
  if (baseline == "untrained") return "untrained generator";
  return "one half of the real data against the other";
}

void print_ranking(std::ostream& out, const Ranking& ranking, const Distinctions& distinctions,
                   std::size_t limit) {
  const bool labelled = !distinctions.titles.empty();
  std::vector<Table::Column> columns{{"#", true}};
  for (const std::string& title : distinctions.titles) columns.push_back({title});
  if (!labelled) columns.push_back({"config"});
  columns.insert(columns.end(), {{ranking.metric, true}, {"+-", true}, {"seeds", true}, {""}});
  Table table(columns);
  const std::size_t middle = columns.size() - 5;
  const auto add = [&](const std::string& place, std::vector<std::string> cells,
                       const std::optional<double>& mean, const std::optional<double>& spread, int n,
                       const std::string& note) {
    cells.resize(middle);
    cells.insert(cells.begin(), place);
    cells.insert(cells.end(), {mean ? number_text(*mean) : "-", spread ? number_text(*spread) : "",
                               std::to_string(n), note});
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
        config.mean, config.spread, config.counted, trials_note(config));
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
    add("", {baseline.name}, baseline.mean, baseline.spread, baseline.n, meaning(baseline.name));
  }
  // Of an evaluated metric one may say what is better, of a loss only what is lower.
  const bool evaluated = !ranking.protocol.empty();
  out << ranking.metric << ", " << (ranking.higher_is_better ? "higher" : "lower")
      << (evaluated ? " is better" : " first") << "; mean and standard deviation over seeds";
  if (!ranking.protocol_label.empty()) out << "; measured with " << ranking.protocol_label;
  out << "\n";
  table.print(out, "  ", terminal_columns());
  if (place < ranking.configs.size()) out << "  and " << ranking.configs.size() - place << " more\n";
  for (const Baseline* baseline : apart) {
    const auto labels = protocol_labels({ranking.protocol, baseline->protocol});
    out << "  " << baseline->name << " (" << meaning(baseline->name) << "; measured with "
        << labels.at(baseline->protocol) << "): " << number_text(baseline->mean) << '\n';
  }
}

}  // namespace

bool higher_is_better(const std::string& metric) {
  const std::string name = metric.substr(0, metric.find('/'));
  for (const char* known :
       {"precision", "recall", "density", "coverage", "modes_covered", "good_share", "images_per_second"})
    if (name == known) return true;
  return false;
}

Rankings rank(db::Reader& reader, std::optional<std::int64_t> experiment, const std::string& metric,
              std::optional<bool> higher) {
  const std::vector<Outcome> all = outcomes(reader, experiment, metric);
  std::map<std::string, std::size_t> protocols;
  for (const Outcome& outcome : all)
    if (outcome.measured) ++protocols[outcome.protocol];
  if (protocols.empty()) no_such_metric(reader, experiment, metric);

  std::vector<std::string> names;
  for (const auto& [protocol, n] : protocols) names.push_back(protocol);
  const auto labels = protocol_labels(names);
  std::stable_sort(names.begin(), names.end(),
                   [&](const auto& a, const auto& b) { return protocols[a] > protocols[b]; });

  Rankings rankings{.by_protocol = {}, .configs = distinguish(reader, experiment)};
  const std::vector<Baseline> references = baselines(reader, experiment, metric);
  const auto measured = [&](const std::string& protocol) { return protocols.count(protocol) > 0; };
  for (const std::string& protocol : names) {
    Ranking ranking = rank_protocol(all, metric, protocol, higher.value_or(higher_is_better(metric)));
    if (names.size() > 1) ranking.protocol_label = labels.at(protocol);
    // A baseline belongs to the ranking of its protocol; one whose protocol no
    // ranking has (the floor uses half the real images) is told apart from each.
    for (const Baseline& baseline : references)
      if (baseline.protocol == protocol || !measured(baseline.protocol))
        ranking.baselines.push_back(baseline);
    rankings.by_protocol.push_back(std::move(ranking));
  }
  return rankings;
}

void print_rankings(std::ostream& out, const Rankings& rankings, std::size_t limit) {
  for (std::size_t i = 0; i < rankings.by_protocol.size(); ++i) {
    if (i > 0) out << '\n';
    print_ranking(out, rankings.by_protocol[i], rankings.configs, limit);
  }
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
      list.push_back({{"rank", config.mean ? OrderedJson(place) : OrderedJson(nullptr)},
                      {"config_hash", config.config_hash},
                      {"label", rankings.configs.label(config.config_hash)},
                      {"differs", distinct},
                      {"metric", ranking.metric},
                      {"protocol", protocol_json(ranking.protocol)},
                      {"mean", number(config.mean)},
                      {"std", number(config.spread)},
                      {"n", config.counted},
                      {"trials", config.trials},
                      {"diverged", config.diverged},
                      {"failed", config.failed},
                      {"unfinished", config.unfinished}});
    }
  }
  return list;
}

}  // namespace saddle::cli
