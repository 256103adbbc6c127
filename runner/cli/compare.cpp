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
#include <common/error.hpp>

// saddle compare: what differs between trials, and what came of it.
namespace saddle::cli {
namespace {

using Cells = std::map<std::string, std::vector<std::string>>;  // what -> one text a trial

// Two columns of a query, for each trial: name -> value.
template <class Text>
void collect(Cells& cells, std::size_t trial, std::size_t trials, const db::Rows& rows, Text text) {
  for (const auto& row : rows.rows) {
    const auto [name, value] = text(row);
    std::vector<std::string>& line = cells[name];
    line.resize(trials);
    line[trial] = value;
  }
}

bool same(const std::vector<std::string>& line) {
  return std::adjacent_find(line.begin(), line.end(), std::not_equal_to<>()) == line.end();
}

struct Comparison {
  std::vector<TrialRef> trials;
  Cells params, metrics, circumstances;
};

Comparison compare(db::Reader& reader, const std::vector<std::string>& words) {
  Comparison result;
  for (const std::string& word : words) result.trials.push_back(select_trial(reader, word));
  const std::size_t n = result.trials.size();

  std::map<std::string, std::set<std::string>> protocols;
  std::vector<db::Rows> finals;
  for (const TrialRef& trial : result.trials) {
    finals.push_back(reader.named("finals", {trial.id}));
    for (const auto& row : finals.back().rows) protocols[text_of(row[0])].insert(text_of(row[1]));
  }
  for (std::size_t i = 0; i < n; ++i) {
    const std::int64_t id = result.trials[i].id;
    collect(result.params, i, n, reader.named("params", {id}),
            [](const auto& row) { return std::pair(text_of(row[0]), exact_text(row[1])); });
    collect(result.metrics, i, n, finals[i], [&](const auto& row) {
      const std::string name = text_of(row[0]);
      const std::set<std::string>& all = protocols[name];
      // Under another protocol it is another line.
      const std::string label =
          all.size() == 1 ? "" : " [" + protocol_labels({all.begin(), all.end()}).at(text_of(row[1])) + "]";
      return std::pair(name + label, integer_of(row[3]) == 0 ? value_text(row[2]) : "not finite");
    });
    collect(result.circumstances, i, n, reader.named("plugins_used", {id}), [](const auto& row) {
      return std::pair("plugin " + text_of(row[0]), text_of(row[1]) + " " + text_of(row[2]).substr(0, 12));
    });
    const db::Rows trial = reader.named("trial", {id});
    for (const char* name : {"seed", "state", "reason", "last_step", "seconds", "host", "threads", "device",
                             "libtorch", "isa", "git_commit"}) {
      const auto at = std::find(trial.columns.begin(), trial.columns.end(), name) - trial.columns.begin();
      auto& line = result.circumstances[name];
      line.resize(n);
      line[i] = value_text(trial.rows[0][static_cast<std::size_t>(at)]);
    }
  }
  return result;
}

void print_section(const Comparison& comparison, const char* title, const Cells& cells, bool all,
                   bool right) {
  std::vector<Table::Column> columns{{title}};
  for (const TrialRef& trial : comparison.trials) columns.push_back({trial.name, right});
  Table table(columns);
  for (const auto& [name, line] : cells) {
    if (!all && same(line)) continue;
    std::vector<std::string> row{name};
    for (const std::string& text : line) row.push_back(text.empty() ? "-" : text);
    table.add(row);
  }
  if (table.size() == 0) {
    std::cout << title << ": all the same\n\n";
    return;
  }
  table.print(std::cout, "", terminal_columns());
  std::cout << '\n';
}

OrderedJson section_json(const Cells& cells, bool all) {
  OrderedJson object = OrderedJson::object();
  for (const auto& [name, line] : cells)
    if (all || !same(line)) object[name] = line;
  return object;
}

}  // namespace

void add_compare(CLI::App& app, Globals& globals) {
  struct Options {
    std::vector<std::string> trials;
    bool all = false, json = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("compare", "Trials side by side: what differs, and what came of it");
  command
      ->add_option("trials", options->trials,
                   "Two or more trials (number, name, or the beginning of name or hash)")
      ->required()
      ->type_name("TRIAL");
  command->add_flag("--all", options->all, "Also the parameters that are the same");
  command->add_flag("--json", options->json, "One object: name to a list with an entry for each trial");
  command->callback([options, &globals] {
    if (options->trials.size() < 2) throw Error("compare takes two trials or more; one alone: saddle show");
    db::Reader reader(globals.database);
    const Comparison comparison = compare(reader, options->trials);
    if (options->json) {
      OrderedJson names = OrderedJson::array();
      for (const TrialRef& trial : comparison.trials) names.push_back(trial.name);
      print_json(std::cout, {{"trials", names},
                             {"params", section_json(comparison.params, options->all)},
                             {"metrics", section_json(comparison.metrics, true)},
                             {"circumstances", section_json(comparison.circumstances, options->all)}});
      return;
    }
    print_section(comparison, "parameter", comparison.params, options->all, false);
    print_section(comparison, "metric, last value", comparison.metrics, true, true);
    print_section(comparison, "circumstance", comparison.circumstances, options->all, false);
  });
}

}  // namespace saddle::cli
