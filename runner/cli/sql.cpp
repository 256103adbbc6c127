#include <iostream>
#include <iterator>
#include <memory>

#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <cli/print_rows.hpp>
#include <cli/query_doc.hpp>

// saddle sql: a question of the user's own.
namespace saddle::cli {

void add_sql(CLI::App& app, Globals& globals) {
  struct Options {
    std::string query;
    std::vector<std::string> set;
    RowOptions rows;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("sql", "Ask the database in SQL (read-only)");
  command->add_option("query", options->query, "One SELECT; - reads it from standard input")
      ->required()
      ->type_name("SQL");
  command->add_option("--set", options->set, "Value of a parameter :name, as name=value; may be repeated")
      ->allow_extra_args(false)
      ->type_name("NAME=VALUE");
  add_row_options(*command, options->rows);
  command->footer(
      "Views: trials, params, metrics, finals, artifacts, plugins_used, events, attempts, experiments,\n"
      "experiment_trials; they join by the column trial. Columns: saddle sql \"PRAGMA table_info(trials)\"\n"
      "Beside SQLite's functions: median(x), stddev(x). Ready-made questions: saddle queries");
  command->callback([options, &globals] {
    if (options->query == "-")
      options->query.assign(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
    db::Reader reader(globals.database);
    print_query(reader, options->query, assignments(options->set, "--set"), options->rows);
  });
}

}  // namespace saddle::cli
