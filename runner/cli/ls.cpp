#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <set>

#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <cli/labels.hpp>
#include <cli/select.hpp>
#include <cli/table.hpp>

// saddle ls: trials with their state and key metrics.
namespace saddle::cli {
namespace {

struct Options {
  std::string experiment, state;
  bool experiments = false, json = false;
};

constexpr std::size_t kMostMetrics = 4;  // columns of the table; --json has all

using MetricId = std::pair<std::string, std::string>;  // name, protocol

struct Final {
  MetricId metric;
  db::Value last;
  std::int64_t kind;
};

struct Finals {
  std::map<std::int64_t, std::vector<Final>> by_trial;
  std::vector<MetricId> columns;  // evaluated metrics; failing these, the players' totals
};

Finals read_finals(db::Reader& reader, const db::Value& experiment) {
  Finals finals;
  std::set<MetricId> evaluated, totals;
  for (const auto& row : reader.named("finals_of", {experiment}).rows) {
    const MetricId metric{text_of(row[1]), text_of(row[2])};
    finals.by_trial[integer_of(row[0])].push_back({metric, row[3], integer_of(row[4])});
    if (!metric.second.empty() && !is_baseline(metric.first)) evaluated.insert(metric);
    if (metric.second.empty() && metric.first.ends_with("/total")) totals.insert(metric);
  }
  const auto& chosen = evaluated.empty() ? totals : evaluated;
  finals.columns.assign(chosen.begin(), chosen.end());
  if (finals.columns.size() > kMostMetrics) finals.columns.resize(kMostMetrics);
  return finals;
}

// "frechet", or "frechet [features=pixels]" where several protocols have it.
std::vector<std::string> metric_titles(const std::vector<MetricId>& columns) {
  std::map<std::string, std::vector<std::string>> protocols;
  for (const auto& [name, protocol] : columns) protocols[name].push_back(protocol);
  std::vector<std::string> titles;
  for (const auto& [name, protocol] : columns) {
    const auto& all = protocols[name];
    titles.push_back(all.size() == 1 ? name : name + " [" + protocol_labels(all).at(protocol) + "]");
  }
  return titles;
}

std::string final_text(const Final& final) {
  switch (final.kind) {
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
      "SELECT experiment_id, experiment, trials, done, failed, used, file, git_commit FROM experiments ORDER "
      "BY used");
  if (json) return print_json(std::cout, to_json(rows));
  Table table({{"id", true},
               {"experiment"},
               {"trials", true},
               {"done", true},
               {"failed", true},
               {"last planned"},
               {"file"}});
  for (const auto& row : rows.rows)
    table.add({value_text(row[0]), value_text(row[1]), value_text(row[2]), value_text(row[3]),
               value_text(row[4]), value_text(row[5]).substr(0, 19), value_text(row[6])});
  if (table.size() == 0)
    std::cout << "no experiment yet; begin with: saddle run GRID.json\n";
  else
    table.print(std::cout, "", terminal_columns());
}

OrderedJson metrics_json(const std::vector<Final>& finals) {
  OrderedJson list = OrderedJson::array();
  for (const Final& final : finals)
    if (!final.metric.second.empty())
      list.push_back({{"metric", final.metric.first},
                      {"protocol", OrderedJson::parse(final.metric.second, nullptr, false)},
                      {"last", to_json(final.last)},
                      {"kind", final.kind}});
  return list;
}

void print_trials(db::Reader& reader, const Options& options) {
  db::Value experiment;
  if (!options.experiment.empty()) experiment = select_experiment(reader, options.experiment).id;
  db::Rows rows = reader.named("trials_of", {experiment});
  if (!options.state.empty())
    rows.rows.erase(std::remove_if(rows.rows.begin(), rows.rows.end(),
                                   [&](const auto& row) { return text_of(row[3]) != options.state; }),
                    rows.rows.end());
  const Finals finals = read_finals(reader, experiment);
  const auto of_trial = [&](std::int64_t trial) {
    const auto found = finals.by_trial.find(trial);
    return found == finals.by_trial.end() ? std::vector<Final>{} : found->second;
  };
  if (options.json) {
    OrderedJson list = to_json(rows);
    for (OrderedJson& object : list)
      object["metrics"] = metrics_json(of_trial(object["trial"].get<std::int64_t>()));
    return print_json(std::cout, list);
  }

  std::vector<Table::Column> columns{{"id", true}, {"trial"}, {"state"}, {"step", true}, {"seconds", true}};
  for (const std::string& title : metric_titles(finals.columns)) columns.push_back({title, true});
  columns.push_back({""});
  Table table(columns);
  std::string previous;
  std::map<std::string, int> states;
  for (const auto& row : rows.rows) {
    const std::string in = text_of(row[2]);
    if (in != previous && options.experiment.empty()) {
      if (!previous.empty()) table.add_gap();
      std::vector<std::string> title(columns.size());
      title[1] = in + ":";
      table.add(title);
    }
    previous = in;
    const std::string state = text_of(row[3]), reason = text_of(row[4]);
    ++states[reason.empty() || reason == "ok" || state == "running" ? state : reason];
    std::vector<std::string> cells{value_text(row[0]), text_of(row[1]),
                                   reason.empty() || reason == "ok" ? state : state + " (" + reason + ")",
                                   value_text(row[7]), value_text(row[8])};
    const auto own = of_trial(integer_of(row[0]));
    for (const MetricId& metric : finals.columns) {
      const auto found =
          std::find_if(own.begin(), own.end(), [&](const Final& f) { return f.metric == metric; });
      cells.push_back(found == own.end() ? "-" : final_text(*found));
    }
    cells.push_back(text_of(row[9]));
    table.add(cells);
  }
  if (rows.rows.empty()) {
    std::cout << "no trial" << (options.state.empty() ? "" : " is " + options.state) << "\n";
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
}

}  // namespace

void add_ls(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("ls", "Trials in the database, with state and key metrics");
  command->add_option("-e,--experiment", options->experiment, "Only of this experiment (name or number)");
  command->add_option("--state", options->state, "Only trials in this state")
      ->check(CLI::IsMember({"planned", "running", "done", "failed", "stopped"}));
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
