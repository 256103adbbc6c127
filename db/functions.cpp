#include "db/functions.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace saddle::db {
namespace {

using Values = std::vector<double>;

// SQLite gives each group a zeroed word; it holds the pointer to our vector.
Values*& values_of(sqlite3_context* context) {
  return *static_cast<Values**>(sqlite3_aggregate_context(context, sizeof(Values*)));
}

void step(sqlite3_context* context, int, sqlite3_value** arguments) {
  if (sqlite3_value_type(arguments[0]) == SQLITE_NULL) return;
  Values*& values = values_of(context);
  if (!values) values = new Values;
  values->push_back(sqlite3_value_double(arguments[0]));
}

double median(Values& values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

double stddev(Values& values) {
  // Distances from the first value: equal values then have a spread of exactly 0.
  const double origin = std::isfinite(values.front()) ? values.front() : 0;
  double mean = origin;
  for (const double v : values) mean += (v - origin) / static_cast<double>(values.size());
  double sum = 0;
  for (const double v : values) sum += (v - mean) * (v - mean);
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

template <double (*Function)(Values&), std::size_t Least>
void finish(sqlite3_context* context) {
  const std::unique_ptr<Values> values(values_of(context));
  if (values && values->size() >= Least)
    sqlite3_result_double(context, Function(*values));
  else
    sqlite3_result_null(context);
}

}  // namespace

void add_functions(Connection& connection) {
  const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC;
  sqlite3_create_function_v2(connection.raw(), "median", 1, flags, nullptr, nullptr, step, finish<median, 1>,
                             nullptr);
  sqlite3_create_function_v2(connection.raw(), "stddev", 1, flags, nullptr, nullptr, step, finish<stddev, 2>,
                             nullptr);
}

}  // namespace saddle::db
