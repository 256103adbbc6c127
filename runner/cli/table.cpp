#include <cli/table.hpp>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <map>
#include <ostream>
#include <stdexcept>

namespace saddle::cli {
namespace {

// The beginning of a text that fits `width`, marked if something was cut off.
std::string cut(const std::string& text, std::size_t width) {
  if (width == 0 || text_width(text) <= width) return text;
  std::size_t columns = 0, bytes = 0;
  while (bytes < text.size() && columns + 1 < width) {
    ++bytes;
    while (bytes < text.size() && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) ++bytes;
    ++columns;
  }
  return text.substr(0, bytes) + "…";
}

}  // namespace

void Table::add(std::vector<std::string> cells) {
  if (cells.size() != columns_.size()) throw std::logic_error("a row of another width than its table");
  // A line break would tear the table.
  for (std::string& cell : cells) std::replace(cell.begin(), cell.end(), '\n', ' ');
  rows_.push_back(std::move(cells));
}

void Table::add_gap() { rows_.emplace_back(); }

void Table::print(std::ostream& out, const std::string& indent, std::size_t width) const {
  std::vector<std::size_t> widths;
  for (const Column& column : columns_) widths.push_back(text_width(column.title));
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], text_width(row[i]));
  const auto line = [&](const auto& cell) {
    std::string text = indent;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::string value = cell(i);
      const std::string gap(widths[i] - text_width(value), ' ');
      if (i > 0) text += "  ";
      text += columns_[i].right ? gap + value : value + gap;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out << cut(text, width) << '\n';
  };
  if (std::any_of(columns_.begin(), columns_.end(), [](const Column& c) { return !c.title.empty(); }))
    line([&](std::size_t i) { return columns_[i].title; });
  for (const auto& row : rows_) {
    if (row.empty())
      out << '\n';
    else
      line([&](std::size_t i) { return row[i]; });
  }
}

std::vector<Table::Column> columns_of(const db::Rows& rows) {
  std::vector<Table::Column> columns;
  for (std::size_t i = 0; i < rows.columns.size(); ++i) {
    const bool text = std::any_of(rows.rows.begin(), rows.rows.end(), [&](const auto& row) {
      return std::holds_alternative<std::string>(row[i]);
    });
    columns.push_back({rows.columns[i], !text && !rows.rows.empty()});
  }
  return columns;
}

std::size_t terminal_columns() {
  winsize size{};
  if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

std::size_t text_width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string number_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  std::array<char, 64> text{};
  const double size = std::fabs(value);
  if (value == std::floor(value) && size < 1e15)
    std::snprintf(text.data(), text.size(), "%.0f", value == 0 ? 0.0 : value);
  else if (size >= 1e6 || size < 1e-3)
    std::snprintf(text.data(), text.size(), "%.4g", value);
  else
    std::snprintf(text.data(), text.size(), "%.*f",
                  std::clamp(3 - static_cast<int>(std::floor(std::log10(size))), 0, 6), value);
  return text.data();
}

std::string value_text(const db::Value& value) {
  if (const auto* real = std::get_if<double>(&value)) return number_text(*real);
  if (std::holds_alternative<std::monostate>(value)) return "-";
  return exact_text(value);
}

std::string exact_text(const db::Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* real = std::get_if<double>(&value)) {
    std::array<char, 64> digits{};
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), *real);
    std::string shortest(digits.data(), end);
    if (std::isfinite(*real) && shortest.find_first_of(".e") == std::string::npos) shortest += ".0";
    return shortest;
  }
  return "";
}

OrderedJson to_json(const db::Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer;
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* real = std::get_if<double>(&value))
    return std::isfinite(*real) ? OrderedJson(*real) : nullptr;
  return nullptr;
}

OrderedJson to_json(const db::Rows& rows) {
  std::vector<std::string> names;
  std::map<std::string, int> seen;
  for (const std::string& name : rows.columns) {
    const int n = ++seen[name];
    names.push_back(n == 1 ? name : name + ":" + std::to_string(n));
  }
  OrderedJson list = OrderedJson::array();
  for (const auto& row : rows.rows) {
    OrderedJson object = OrderedJson::object();
    for (std::size_t i = 0; i < row.size(); ++i) object[names[i]] = to_json(row[i]);
    list.push_back(std::move(object));
  }
  return list;
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

void print_csv(std::ostream& out, const db::Rows& rows) {
  const auto line = [&](std::size_t size, const auto& cell) {
    for (std::size_t i = 0; i < size; ++i) out << (i > 0 ? "," : "") << csv_field(cell(i));
    out << '\n';
  };
  line(rows.columns.size(), [&](std::size_t i) { return rows.columns[i]; });
  for (const auto& row : rows.rows) line(row.size(), [&](std::size_t i) { return exact_text(row[i]); });
}

void print_json(std::ostream& out, const OrderedJson& json) {
  // A user's text may hold anything; what is not UTF-8 is shown as U+FFFD.
  out << json.dump(1, ' ', false, OrderedJson::error_handler_t::replace) << '\n';
}

}  // namespace saddle::cli
