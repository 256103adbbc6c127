#include <algorithm>
#include <charconv>

#include <cli/query_doc.hpp>
#include <common/error.hpp>

namespace saddle::cli {

db::Value value_of(const std::string& text) {
  const char* end = text.data() + text.size();
  std::int64_t integer = 0;
  if (const auto r = std::from_chars(text.data(), end, integer); r.ec == std::errc() && r.ptr == end)
    return integer;
  double real = 0;
  if (const auto r = std::from_chars(text.data(), end, real); r.ec == std::errc() && r.ptr == end)
    return real;
  return text;
}

std::map<std::string, db::Value> assignments(const std::vector<std::string>& texts,
                                             const std::string& option) {
  std::map<std::string, db::Value> values;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      throw Error(option + " takes name=value, as metric=frechet; found \"" + text + "\"");
    if (!values.emplace(text.substr(0, equals), value_of(text.substr(equals + 1))).second)
      throw Error(option + ": " + text.substr(0, equals) + " is given twice");
  }
  return values;
}

QueryDoc describe_query(std::string_view sql) {
  QueryDoc result;
  while (sql.starts_with("--")) {
    std::string_view line = sql.substr(0, sql.find('\n'));
    sql.remove_prefix(std::min(line.size() + 1, sql.size()));
    line.remove_prefix(line.find_first_not_of("- ") == std::string_view::npos ? line.size()
                                                                              : line.find_first_not_of("- "));
    if (!line.starts_with(':')) {
      result.doc += (result.doc.empty() ? "" : " ") + std::string(line);
      continue;
    }
    QueryDoc::Parameter parameter;
    const std::size_t end = std::min(line.find(' '), line.size());
    parameter.name = line.substr(1, end - 1);
    line.remove_prefix(end);
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    if (line.ends_with(']'))
      if (const std::size_t open = line.rfind('['); open != std::string_view::npos) {
        const std::string otherwise(line.substr(open + 1, line.size() - open - 2));
        parameter.otherwise = otherwise == "all" ? db::Value{} : value_of(otherwise);
      }
    parameter.doc = line;
    result.parameters.push_back(std::move(parameter));
  }
  return result;
}

}  // namespace saddle::cli
