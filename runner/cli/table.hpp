#pragma once
#include <cstddef>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <db/reader.hpp>

namespace saddle::cli {

// Columns keep their order in what a user reads as JSON.
using OrderedJson = nlohmann::ordered_json;

// Text in aligned columns for a person to read.
class Table {
 public:
  struct Column {
    std::string title;
    bool right = false;  // numbers
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  void add(std::vector<std::string> cells);  // as many as there are columns
  void add_gap();                            // an empty line
  std::size_t size() const { return rows_.size(); }
  // Lines longer than `width` are cut with "…"; 0: never.
  void print(std::ostream& out, const std::string& indent = "", std::size_t width = 0) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;  // an empty one is a gap
};

// A column for each of the query's; to the right those that hold numbers only.
std::vector<Table::Column> columns_of(const db::Rows& rows);

// Columns of the terminal on standard output; 0 if it is none.
std::size_t terminal_columns();

// How many columns a UTF-8 text takes (combining marks aside).
std::size_t text_width(const std::string& text);

// Four significant digits: 0.01234, 12.34, 1e-06, 120000, nan.
std::string number_text(double value);
// A value as a person reads it; doubles by number_text, NULL as "-".
std::string value_text(const db::Value& value);
// Enough digits to get the same double back.
std::string exact_text(const db::Value& value);

// NaN and infinities, which JSON lacks, become null.
OrderedJson to_json(const db::Value& value);
// Row objects; a second column of the same name becomes "name:2".
OrderedJson to_json(const db::Rows& rows);
// Quoted where it must be.
std::string csv_field(const std::string& text);
// As RFC 4180, but with plain line ends, and a header line.
void print_csv(std::ostream& out, const db::Rows& rows);
void print_json(std::ostream& out, const OrderedJson& json);

}  // namespace saddle::cli
