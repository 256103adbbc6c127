#include <cli/query_doc.hpp>

#include <algorithm>
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <cli/print_rows.hpp>
#include <cli/table.hpp>
#include <common/error.hpp>
#include <common/nearest.hpp>

// saddle queries: the questions in db/queries, by name.
namespace saddle::cli {
namespace {

struct Options {
  std::string name;
  std::vector<std::string> set;
  bool show = false;
  RowOptions rows;
};

void list_queries(bool json) {
  OrderedJson list = OrderedJson::array();
  Table table({{"name"}, {""}});
  for (const db::PublicQuery& query : db::public_queries()) {
    const QueryDoc doc = describe_query(query.sql);
    OrderedJson parameters = OrderedJson::array();
    if (table.size() > 0) table.add_gap();
    table.add({std::string(query.name), doc.doc});
    for (const auto& parameter : doc.parameters) {
      table.add({"", "--set " + parameter.name + "=...  " + parameter.doc});
      parameters.push_back(
          {{"name", parameter.name}, {"doc", parameter.doc}, {"required", !parameter.otherwise.has_value()}});
    }
    list.push_back({{"name", query.name}, {"doc", doc.doc}, {"parameters", parameters}, {"sql", query.sql}});
  }
  if (json) return print_json(std::cout, list);
  table.print(std::cout, "", terminal_columns());
}

const db::PublicQuery& find_query(const std::string& name) {
  std::vector<std::string> names;
  for (const db::PublicQuery& query : db::public_queries()) {
    if (query.name == name) return query;
    names.emplace_back(query.name);
  }
  throw Error("no query \"" + name + "\". " + suggestion(name, names, 20));
}

std::map<std::string, db::Value> values_for(const db::PublicQuery& query,
                                            const std::vector<std::string>& set) {
  const QueryDoc doc = describe_query(query.sql);
  auto values = assignments(set, "--set");
  std::vector<std::string> names;
  for (const auto& parameter : doc.parameters) {
    names.push_back(parameter.name);
    if (values.contains(parameter.name)) continue;
    if (!parameter.otherwise)
      throw Error("query " + std::string(query.name) + " needs --set " + parameter.name +
                  "=...: " + parameter.doc);
    values[parameter.name] = *parameter.otherwise;
  }
  for (const auto& [name, value] : values)
    if (std::find(names.begin(), names.end(), name) == names.end())
      throw Error("query " + std::string(query.name) + " has no parameter \"" + name + "\". " +
                  (names.empty() ? "It has none." : suggestion(name, names)));
  return values;
}

}  // namespace

void add_queries(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("queries", "Questions with a name: lists them, or asks one");
  command->add_option("name", options->name, "Ask this one [list them all]")->type_name("NAME");
  command->add_option("--set", options->set, "Value of a parameter, as metric=frechet; may be repeated")
      ->allow_extra_args(false)
      ->type_name("NAME=VALUE");
  command->add_flag("--show", options->show, "Print its SQL, to begin your own with");
  add_row_options(*command, options->rows);
  command->callback([options, &globals] {
    if (options->name.empty()) return list_queries(options->rows.json);
    const db::PublicQuery& query = find_query(options->name);
    if (options->show) {
      std::cout << query.sql;
      return;
    }
    db::Reader reader(globals.database);
    print_query(reader, query.sql, values_for(query, options->set), options->rows, true);
  });
}

}  // namespace saddle::cli
