#include <iostream>
#include <iterator>
#include <limits>
#include <memory>

#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <cli/table.hpp>

// saddle sql: a question of the user's own.
namespace saddle::cli {
namespace {

void print_table(const db::Rows& rows) {
  Table table(columns_of(rows));
  for (const auto& row : rows.rows) {
    std::vector<std::string> cells;
    for (const db::Value& value : row) cells.push_back(value_text(value));
    table.add(cells);
  }
  table.print(std::cout, "", terminal_columns());
}

}  // namespace

void add_sql(CLI::App& app, Globals& globals) {
  struct Options {
    std::string query;
    bool json = false, csv = false;
    std::size_t limit = 10'000;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("sql", "Ask the database in SQL (read-only)");
  command->add_option("query", options->query, "One SELECT; - reads it from standard input")
      ->required()
      ->type_name("SQL");
  auto* json = command->add_flag("--json", options->json, "A list of row objects");
  command->add_flag("--csv", options->csv, "Comma-separated, with a header line")->excludes(json);
  command->add_option("--limit", options->limit, "Rows at most; 0: all [10000]");
  command->footer(
      "Views: trials, params, metrics, finals, artifacts, plugins_used, events, attempts, experiments,\n"
      "experiment_trials; they join by the column trial. Columns: saddle sql \"PRAGMA table_info(trials)\"\n"
      "Beside SQLite's functions: median(x), stddev(x).");
  command->callback([options, &globals] {
    if (options->query == "-")
      options->query.assign(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
    db::Reader reader(globals.database);
    const std::size_t limit = options->limit == 0 ? std::numeric_limits<std::size_t>::max() : options->limit;
    const db::Rows rows = reader.query_untrusted(options->query, limit);
    if (options->json)
      print_json(std::cout, to_json(rows));
    else if (options->csv)
      print_csv(std::cout, rows);
    else
      print_table(rows);
    if (rows.truncated)
      std::cerr << "saddle: only the first " << options->limit << " rows are shown; --limit 0 shows all\n";
  });
}

}  // namespace saddle::cli
