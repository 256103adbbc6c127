#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <cli/select.hpp>
#include <cli/table.hpp>

// saddle show: everything that is known of one trial.
namespace saddle::cli {
namespace {

const char* kind_text(std::int64_t kind) { return kind == 1 ? "nan" : kind == 2 ? "inf" : "-inf"; }

OrderedJson row_object(const db::Rows& rows) { return to_json(rows).at(0); }

// Texts that hold JSON are JSON in JSON.
void unfold(OrderedJson& object, const char* key) {
  if (object[key].is_string())
    object[key] = OrderedJson::parse(object[key].get<std::string>(), nullptr, false);
}

void print_as_json(db::Reader& reader, std::int64_t trial) {
  OrderedJson object = row_object(reader.named("trial", {trial}));
  unfold(object, "config");
  object["players"] = to_json(reader.named("sizes", {trial}));
  object["params"] = to_json(reader.named("params", {trial}));
  object["finals"] = to_json(reader.named("finals", {trial}));
  for (OrderedJson& final : object["finals"]) unfold(final, "protocol");
  for (const char* part : {"attempts", "artifacts", "plugins_used", "events"})
    object[std::string(part) == "attempts" ? "attempt_list" : part] = to_json(reader.named(part, {trial}));
  print_json(std::cout, object);
}

void print_head(const db::Rows& rows) {
  Table table({{""}, {""}});
  for (std::size_t i = 0; i < rows.columns.size(); ++i) {
    const std::string& name = rows.columns[i];
    if (name == "config" || name == "ordinal" || name == "experiment_id" ||
        std::holds_alternative<std::monostate>(rows.rows[0][i]))
      continue;
    table.add({name, value_text(rows.rows[0][i])});
  }
  table.print(std::cout);
}

// Titles and rows as they come from a named query; nothing if there are none.
void print_part(db::Reader& reader, const char* title, const char* query, std::int64_t trial) {
  const db::Rows rows = reader.named(query, {trial});
  if (rows.rows.empty()) return;
  std::cout << '\n' << title << '\n';
  Table table(columns_of(rows));
  for (const auto& row : rows.rows) {
    std::vector<std::string> cells;
    for (std::size_t i = 0; i < row.size(); ++i)
      cells.push_back(rows.columns[i] == "sha256" ? value_text(row[i]).substr(0, 12) : value_text(row[i]));
    table.add(cells);
  }
  table.print(std::cout, "  ", terminal_columns());
}

void print_finals(db::Reader& reader, std::int64_t trial) {
  const db::Rows rows = reader.named("finals", {trial});
  if (rows.rows.empty()) return;
  std::cout << "\nmetrics\n";
  Table table({{"metric"},
               {"last", true},
               {"at step", true},
               {"min", true},
               {"at step", true},
               {"max", true},
               {"rows", true},
               {"nan", true},
               {"protocol"}});
  for (const auto& row : rows.rows) {
    const std::int64_t kind = integer_of(row[3]);
    table.add({text_of(row[0]), kind == 0 ? value_text(row[2]) : kind_text(kind), value_text(row[4]),
               value_text(row[5]), value_text(row[6]), value_text(row[7]), value_text(row[9]),
               integer_of(row[10]) == 0 ? "" : value_text(row[10]), text_of(row[1])});
  }
  table.print(std::cout, "  ", terminal_columns());
}

void print(db::Reader& reader, std::int64_t trial) {
  print_head(reader.named("trial", {trial}));
  print_part(reader, "players", "sizes", trial);
  print_part(reader, "parameters", "params", trial);
  print_finals(reader, trial);
  print_part(reader, "attempts", "attempts", trial);
  print_part(reader, "artifacts", "artifacts", trial);
  print_part(reader, "plugins used", "plugins_used", trial);
  print_part(reader, "events", "events", trial);
}

}  // namespace

void add_show(CLI::App& app, Globals& globals) {
  struct Options {
    std::string trial;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("show", "One trial: parameters, metrics, attempts, artifacts, plugins");
  command->add_option("trial", options->trial, "Its number, name, or the beginning of its name or hash")
      ->required()
      ->type_name("TRIAL");
  command->add_flag("--json", options->json, "One object");
  command->callback([options, &globals] {
    db::Reader reader(globals.database);
    const TrialRef trial = select_trial(reader, options->trial);
    if (options->json)
      print_as_json(reader, trial.id);
    else
      print(reader, trial.id);
  });
}

}  // namespace saddle::cli
