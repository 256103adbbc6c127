#include <iostream>
#include <memory>
#include <set>

#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <cli/groups.hpp>
#include <cli/scope.hpp>
#include <cli/table.hpp>
#include <common/error.hpp>

// saddle pivot: a metric by two parameters.
namespace saddle::cli {
namespace {

struct Options {
  std::string rows, cols, value;
  ScopeOptions scope;
  bool json = false, csv = false;
};

struct Pivot {
  std::string protocol, protocol_label;
  Groups groups;  // by row and column
};

std::string cell_text(const Group* group) {
  if (!group) return "";
  const Moments m = moments(group->tally.values);
  if (!m.mean) return "- (" + group->tally.note() + ")";
  return number_text(*m.mean) + (m.spread ? " +- " + number_text(*m.spread) : "") + " (" +
         std::to_string(group->tally.counted) + ")";
}

void print_pivot(const Options& options, const Pivot& pivot, const std::string& row_title,
                 const std::string& column_title) {
  const auto less = [](const std::string& a, const std::string& b) { return less_as_value(a, b); };
  std::set<std::string, decltype(less)> rows(less), columns(less);
  Tally others;
  for (const auto& [key, group] : pivot.groups) {
    rows.insert(key[0]);
    columns.insert(key[1]);
    others.diverged += group.tally.diverged;
    others.failed += group.tally.failed;
    others.unfinished += group.tally.unfinished;
  }
  std::cout << options.value << " by " << row_title << " and " << column_title
            << ": mean +- standard deviation (trials)";
  if (!pivot.protocol_label.empty()) std::cout << "; measured with " << pivot.protocol_label;
  std::cout << '\n';
  std::vector<Table::Column> titles{{row_title}};
  for (const std::string& column : columns) titles.push_back({column_title + "=" + column, true});
  Table table(titles);
  for (const std::string& row : rows) {
    std::vector<std::string> cells{row};
    for (const std::string& column : columns) {
      const auto found = pivot.groups.find({row, column});
      cells.push_back(cell_text(found == pivot.groups.end() ? nullptr : &found->second));
    }
    table.add(std::move(cells));
  }
  table.print(std::cout, "  ", terminal_columns());
  if (const std::string note = others.note(); !note.empty())
    std::cout << "  not in the means: " << note << '\n';
}

db::Value or_null(const std::optional<double>& value) { return value ? db::Value{*value} : db::Value{}; }

// A line for each cell.
db::Rows cells_of(const std::vector<Pivot>& pivots, const std::string& row_title,
                  const std::string& column_title) {
  db::Rows rows;
  rows.columns = {row_title, column_title, "protocol", "mean",      "std",
                  "n",       "diverged",   "failed",   "unfinished"};
  for (const Pivot& pivot : pivots)
    for (const auto& [key, group] : pivot.groups) {
      const Moments m = moments(group.tally.values);
      rows.rows.push_back({key[0], key[1], pivot.protocol.empty() ? db::Value{} : db::Value{pivot.protocol},
                           or_null(m.mean), or_null(m.spread), std::int64_t{group.tally.counted},
                           std::int64_t{group.tally.diverged}, std::int64_t{group.tally.failed},
                           std::int64_t{group.tally.unfinished}});
    }
  return rows;
}

void run(const Options& options, const Globals& globals) {
  db::Reader reader(globals.database);
  const Scoped scoped = resolve(reader, options.scope, WithoutOptions::latest_experiment);
  const MetricMeaning metric = find_metric(reader, options.value, "--value: ");
  const std::vector<Outcome> all = outcomes(reader, scoped.scope, metric);
  const std::vector<std::string> protocols = protocols_of(all);
  if (protocols.empty()) throw Error("none of these trials has measured " + metric.metric);
  const Distinctions distinctions = distinguish(reader, scoped.scope);
  const Grouping rows(reader, scoped.scope, distinctions, options.rows, "--rows");
  const Grouping columns(reader, scoped.scope, distinctions, options.cols, "--cols");
  const auto labels = protocol_labels(protocols);
  std::vector<Pivot> pivots;
  for (const std::string& protocol : protocols)
    pivots.push_back({protocol, protocols.size() > 1 ? labels.at(protocol) : "",
                      sort_into_groups(all, protocol, {rows, columns})});

  if (options.csv) return print_csv(std::cout, cells_of(pivots, rows.title(), columns.title()));
  if (options.json) {
    OrderedJson list = to_json(cells_of(pivots, rows.title(), columns.title()));
    for (OrderedJson& cell : list)
      if (cell["protocol"].is_string())
        cell["protocol"] = OrderedJson::parse(cell["protocol"].get<std::string>(), nullptr, false);
    return print_json(std::cout, list);
  }
  for (const Pivot& pivot : pivots) {
    if (&pivot != &pivots.front()) std::cout << '\n';
    if (!scoped.experiment.name.empty()) std::cout << scoped.experiment.name << ": ";
    print_pivot(options, pivot, rows.title(), columns.title());
  }
}

}  // namespace

void add_pivot(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("pivot", "A metric by two parameters: mean, spread and number of trials");
  command->add_option("--rows", options->rows, "Parameter down the side, as losses (or seed)")
      ->required()
      ->type_name("PARAM");
  command->add_option("--cols", options->cols, "Parameter along the top, as generator.width (or seed)")
      ->required()
      ->type_name("PARAM");
  command
      ->add_option("--value", options->value,
                   "Metric, as frechet; frechet.min: its lowest value instead of the last")
      ->required()
      ->type_name("METRIC");
  add_scope_options(*command, options->scope, WithoutOptions::latest_experiment);
  auto* json = command->add_flag("--json", options->json, "A list with an object for each cell");
  command->add_flag("--csv", options->csv, "A line for each cell")->excludes(json);
  command->callback([options, &globals] { run(*options, globals); });
}

}  // namespace saddle::cli
