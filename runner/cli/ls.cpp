#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <tuple>
#include <unordered_map>

#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <cli/labels.hpp>
#include <cli/rebuilt.hpp>
#include <cli/scope.hpp>
#include <cli/select.hpp>
#include <cli/table.hpp>

// saddle ls: trials with their state and key metrics.
namespace saddle::cli {
namespace {

struct Options {
  ScopeOptions scope;
  std::string state;
  bool experiments = false, json = false;
};

constexpr std::size_t kMostMetrics = 4;  // columns of the table; --json has all that were evaluated

struct Metric {
  std::int64_t key = 0;
  std::string name, protocol;
};

struct Final {
  db::Value last;
  std::int64_t kind = 0;
};

// What was recorded by the trials in scope, by name.
std::vector<Metric> recorded(db::Reader& reader, const Scope& scope) {
  std::set<std::int64_t> keys;
  for (const auto& row : reader.named("keys_of", scope.binds()).rows) keys.insert(integer_of(row[0]));
  std::vector<Metric> metrics;
  for (const auto& row : reader.named("metric_keys").rows)
    if (keys.contains(integer_of(row[0])))
      metrics.push_back({integer_of(row[0]), text_of(row[1]), text_of(row[2])});
  std::sort(metrics.begin(), metrics.end(), [](const Metric& a, const Metric& b) {
    return std::tie(a.name, a.protocol) < std::tie(b.name, b.protocol);
  });
  return metrics;
}

// The columns of the table: metrics as training measured them, beside baselines; failing these, what was
// evaluated at all (a curve over truncations has a protocol for each point); failing that, the players'
// totals.
std::vector<Metric> columns_from(const std::vector<Metric>& metrics) {
  std::vector<Metric> evaluated, totals;
  std::set<std::string> in_training;  // protocols
  for (const Metric& metric : metrics)
    if (is_baseline(metric.name)) in_training.insert(metric.protocol);
  for (const Metric& metric : metrics) {
    if (!metric.protocol.empty() && !is_baseline(metric.name)) evaluated.push_back(metric);
    if (metric.protocol.empty() && metric.name.ends_with("/total")) totals.push_back(metric);
  }
  if (!in_training.empty())
    std::erase_if(evaluated, [&](const Metric& metric) { return !in_training.contains(metric.protocol); });
  std::vector<Metric>& chosen = evaluated.empty() ? totals : evaluated;
  if (chosen.size() > kMostMetrics) chosen.resize(kMostMetrics);
  return chosen;
}

// By trial, in the order of `metrics`; where there is none, kind is -1.
std::unordered_map<std::int64_t, std::vector<Final>> read_finals(db::Reader& reader, const Scope& scope,
                                                                 const std::vector<Metric>& metrics) {
  std::unordered_map<std::int64_t, std::size_t> place;
  Json keys = Json::array();
  for (const Metric& metric : metrics) {
    keys.push_back(metric.key);
    place.emplace(metric.key, place.size());
  }
  std::unordered_map<std::int64_t, std::vector<Final>> finals;
  if (metrics.empty()) return finals;
  for (auto& row : reader.named("finals_of", scope.binds({keys.dump()})).rows) {
    auto& own = finals[integer_of(row[0])];
    if (own.empty()) own.resize(metrics.size(), Final{{}, -1});
    own[place.at(integer_of(row[1]))] = {std::move(row[2]), integer_of(row[3])};
  }
  return finals;
}

// "frechet", or "frechet [features=pixels]" where several protocols have it.
std::vector<std::string> metric_titles(const std::vector<Metric>& columns) {
  std::map<std::string, std::vector<std::string>> protocols;
  for (const Metric& metric : columns) protocols[metric.name].push_back(metric.protocol);
  std::vector<std::string> titles;
  for (const Metric& metric : columns) {
    const auto& all = protocols[metric.name];
    titles.push_back(all.size() == 1 ? metric.name
                                     : metric.name + " [" + protocol_labels(all).at(metric.protocol) + "]");
  }
  return titles;
}

std::string final_text(const Final& final) {
  switch (final.kind) {
    case -1:
      return "-";
    case 1:
      return "nan";
    case 2:
      return "inf";
    case 3:
      return "-inf";
    default:
      return value_text(final.last);
  }
}

void print_experiments(db::Reader& reader, bool json) {
  const db::Rows rows = reader.query(
      "SELECT experiment_id, experiment, trials, done, pruned, failed, used, file, git_commit FROM "
      "experiments ORDER "
      "BY used");
  if (json) return print_json(std::cout, to_json(rows));
  Table table({{"id", true},
               {"experiment"},
               {"trials", true},
               {"done", true},
               {"pruned", true},
               {"failed", true},
               {"last planned"},
               {"file"}});
  for (const auto& row : rows.rows)
    table.add({value_text(row[0]), value_text(row[1]), value_text(row[2]), value_text(row[3]),
               value_text(row[4]), value_text(row[5]), value_text(row[6]).substr(0, 19), value_text(row[7])});
  if (table.size() == 0)
    std::cout << "no experiment yet; begin with: saddle run GRID.json\n";
  else
    table.print(std::cout, "", terminal_columns());
}

void print_trials_json(db::Reader& reader, const Scope& scope, const db::Rows& rows) {
  const auto rebuilt = made_with_others(reader, hash_of_file());
  std::vector<Metric> evaluated;
  for (Metric& metric : recorded(reader, scope))
    if (!metric.protocol.empty()) evaluated.push_back(std::move(metric));
  std::vector<OrderedJson> protocols;
  for (const Metric& metric : evaluated)
    protocols.push_back(OrderedJson::parse(metric.protocol, nullptr, false));
  const auto finals = read_finals(reader, scope, evaluated);
  OrderedJson list = to_json(rows);
  for (OrderedJson& object : list) {
    const auto others = rebuilt.find(object["trial"].get<std::int64_t>());
    object["rebuilt"] = others == rebuilt.end() ? std::set<std::string>{} : others->second;
    OrderedJson& metrics = object["metrics"] = OrderedJson::array();
    const auto own = finals.find(object["trial"].get<std::int64_t>());
    if (own == finals.end()) continue;
    for (std::size_t i = 0; i < evaluated.size(); ++i)
      if (const Final& final = own->second[i]; final.kind >= 0)
        metrics.push_back({{"metric", evaluated[i].name},
                           {"protocol", protocols[i]},
                           {"last", to_json(final.last)},
                           {"kind", final.kind}});
  }
  print_json(std::cout, list);
}

// Trials of these may be done elsewhere by now.
void print_array_jobs(db::Reader& reader) {
  const db::Rows rows = reader.query(
      "SELECT v.experiment, group_concat(DISTINCT v.data ->> '$.job') FROM events v JOIN experiments e ON"
      " e.experiment_id = v.data ->> '$.experiment_id' WHERE v.trial IS NULL AND v.type = 'submit'"
      " AND v.data ->> '$.job' <> '' AND e.done < e.trials GROUP BY v.experiment");
  for (const auto& row : rows.rows)
    std::cout << "Slurm has trials of " << text_of(row[0]) << " (job " << text_of(row[1])
              << "): saddle status says how it goes, saddle resume --slurm takes over what is there\n";
}

void print_trials(db::Reader& reader, const Options& options) {
  const Scope scope = resolve(reader, options.scope, WithoutOptions::all).scope;
  db::Rows rows = reader.named("trials_of", scope.binds());
  if (!options.state.empty())
    rows.rows.erase(std::remove_if(rows.rows.begin(), rows.rows.end(),
                                   [&](const auto& row) { return text_of(row[3]) != options.state; }),
                    rows.rows.end());
  if (options.json) return print_trials_json(reader, scope, rows);

  const std::vector<Metric> metrics = columns_from(recorded(reader, scope));
  const auto finals = read_finals(reader, scope, metrics);
  std::vector<Table::Column> columns{{"id", true}, {"trial"}, {"state"}, {"step", true}, {"seconds", true}};
  for (const std::string& title : metric_titles(metrics)) columns.push_back({title, true});
  columns.push_back({""});
  Table table(columns);
  std::string previous;
  std::map<std::string, int> states;
  const auto rebuilt = made_with_others(reader, hash_of_file());
  std::set<std::string> others;
  for (const auto& row : rows.rows) {
    const std::string in = text_of(row[2]);
    if (in != previous && options.scope.experiment.empty()) {
      if (!previous.empty()) table.add_gap();
      std::vector<std::string> title(columns.size());
      title[1] = in + ":";
      table.add(title);
    }
    previous = in;
    const std::string state = text_of(row[3]), reason = text_of(row[4]);
    ++states[reason.empty() || reason == "ok" || state == "running" ? state : reason];
    const auto of_other = rebuilt.find(integer_of(row[0]));
    if (of_other != rebuilt.end()) others.insert(of_other->second.begin(), of_other->second.end());
    std::vector<std::string> cells{
        value_text(row[0]), text_of(row[1]),
        (reason.empty() || reason == "ok" || reason == state ? state : state + " (" + reason + ")") +
            (of_other == rebuilt.end() ? "" : " *"),
        value_text(row[7]), value_text(row[8])};
    const auto own = finals.find(integer_of(row[0]));
    for (std::size_t i = 0; i < metrics.size(); ++i)
      cells.push_back(own == finals.end() ? "-" : final_text(own->second[i]));
    cells.push_back(text_of(row[9]));
    table.add(std::move(cells));
  }
  if (rows.rows.empty()) {
    std::cout << "no trial" << (options.state.empty() ? "" : " is " + options.state)
              << (options.scope.where.empty() ? "" : " for which that holds") << "\n";
    return;
  }
  table.print(std::cout, "", terminal_columns());
  std::cout << '\n' << rows.rows.size() << (rows.rows.size() == 1 ? " trial:" : " trials:");
  const char* separator = " ";
  for (const auto& [state, n] : states) {
    std::cout << separator << n << ' ' << state;
    separator = ", ";
  }
  std::cout << '\n';
  print_array_jobs(reader);
  if (others.empty()) return;
  std::cout << "* made with another binary of";
  separator = " ";
  for (const std::string& component : others) {
    std::cout << separator << component;
    separator = ", ";
  }
  std::cout << " than is there now; run or resume with --rerun-changed makes them anew\n";
}

}  // namespace

void add_ls(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("ls", "Trials in the database, with state and key metrics");
  add_scope_options(*command, options->scope, WithoutOptions::all);
  command->add_option("--state", options->state, "Only trials in this state")
      ->check(CLI::IsMember({"planned", "running", "done", "pruned", "paused", "failed", "stopped"}));
  command->add_flag("--experiments", options->experiments, "List the experiments instead");
  command->add_flag("--json", options->json, "A list of objects");
  command->callback([options, &globals] {
    db::Reader reader(globals.database);
    if (options->experiments)
      print_experiments(reader, options->json);
    else
      print_trials(reader, *options);
  });
}

}  // namespace saddle::cli
