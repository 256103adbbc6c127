#include <cli/print_rows.hpp>

#include <algorithm>
#include <iostream>
#include <set>

#include <CLI/CLI.hpp>

#include <cli/labels.hpp>
#include <cli/select.hpp>
#include <cli/table.hpp>

namespace saddle::cli {
namespace {

// A protocol is some 300 letters of JSON, most of them the same in all rows.
void shorten_protocols(db::Rows& rows) {
  const auto found = std::find(rows.columns.begin(), rows.columns.end(), "protocol");
  if (found == rows.columns.end()) return;
  const auto column = static_cast<std::size_t>(found - rows.columns.begin());
  std::set<std::string> protocols;
  for (const auto& row : rows.rows) protocols.insert(text_of(row[column]));
  const auto labels = protocol_labels({protocols.begin(), protocols.end()});
  for (auto& row : rows.rows) row[column] = labels.at(text_of(row[column]));
  if (protocols.size() > 1) return;
  rows.columns.erase(found);
  for (auto& row : rows.rows) row.erase(row.begin() + static_cast<std::ptrdiff_t>(column));
}

}  // namespace

void add_row_options(CLI::App& command, RowOptions& options) {
  auto* json = command.add_flag("--json", options.json, "A list of row objects");
  command.add_flag("--csv", options.csv, "Comma-separated, with a header line")->excludes(json);
  command.add_option("--limit", options.limit, "Rows at most; 0: all [10000]");
  command.add_option("--timeout", options.timeout_s, "Seconds that it may take; 0: any [30]")
      ->check(CLI::NonNegativeNumber);
}

void print_query(db::Reader& reader, std::string_view sql, const std::map<std::string, db::Value>& values,
                 const RowOptions& options, bool short_protocols) {
  db::Limits limits;
  if (options.limit > 0) limits.rows = options.limit;
  if (options.timeout_s > 0 && options.timeout_s < 1e9)
    limits.time = std::chrono::milliseconds(static_cast<std::int64_t>(options.timeout_s * 1000));
  db::Rows rows = reader.query_untrusted(sql, limits, values);
  if (options.json) {
    print_json(std::cout, to_json(rows));
  } else if (options.csv) {
    print_csv(std::cout, rows);
  } else {
    if (short_protocols) shorten_protocols(rows);
    Table table(columns_of(rows));
    for (const auto& row : rows.rows) {
      std::vector<std::string> cells;
      for (const db::Value& value : row) cells.push_back(value_text(value));
      table.add(std::move(cells));
    }
    table.print(std::cout, "", terminal_columns());
  }
  if (rows.truncated)
    std::cerr << "saddle: only the first " << options.limit << " rows are shown; --limit 0 shows all\n";
}

}  // namespace saddle::cli
