#include "rows.hpp"

#include <sqlite3.h>

#include <cstdio>
#include <memory>
#include <stdexcept>

namespace saddle::test {

std::vector<std::string> rows_of(const std::filesystem::path& database, const std::string& query) {
  sqlite3* raw = nullptr;
  const int opened = sqlite3_open_v2(database.c_str(), &raw, SQLITE_OPEN_READONLY, nullptr);
  const std::unique_ptr<sqlite3, decltype(&sqlite3_close)> connection(raw, sqlite3_close);
  const auto fail = [&] { throw std::runtime_error(database.string() + ": " + sqlite3_errmsg(raw)); };
  if (opened != SQLITE_OK) fail();
  sqlite3_busy_timeout(raw, 1000);
  sqlite3_stmt* prepared = nullptr;
  if (sqlite3_prepare_v2(raw, query.c_str(), -1, &prepared, nullptr) != SQLITE_OK) fail();
  const std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)> statement(prepared, sqlite3_finalize);
  std::vector<std::string> rows;
  int code;
  while ((code = sqlite3_step(prepared)) == SQLITE_ROW) {
    std::string& row = rows.emplace_back();
    for (int i = 0; i < sqlite3_column_count(prepared); ++i) {
      if (i > 0) row += " | ";
      char number[64];
      const unsigned char* text = nullptr;
      switch (sqlite3_column_type(prepared, i)) {
        case SQLITE_NULL:
          row += "null";
          break;
        case SQLITE_FLOAT:
          std::snprintf(number, sizeof number, "%a", sqlite3_column_double(prepared, i));
          row += number;
          break;
        default:
          text = sqlite3_column_text(prepared, i);
          row += reinterpret_cast<const char*>(text);
      }
    }
  }
  if (code != SQLITE_DONE) fail();
  return rows;
}

std::vector<std::string> measured(const std::filesystem::path& database) {
  std::vector<std::string> all;
  for (const char* query :
       {"SELECT name, metric, protocol, last, kind, last_step, min, argmin, max, argmax, n, n_nan FROM finals"
        " WHERE metric != 'images_per_second' ORDER BY name, metric, protocol",
        "SELECT t.name, m.metric, m.protocol, m.step, m.value, m.kind FROM metrics m JOIN trials t USING "
        "(trial)"
        " WHERE m.metric != 'images_per_second' ORDER BY t.name, m.metric, m.protocol, m.step",
        // The last checkpoint has weights, averages, optimisers, random numbers and the losses' state.
        "SELECT DISTINCT a.trial_name, a.kind, a.name, a.step, a.sha256 FROM artifacts a JOIN attempts t"
        " USING (attempt) WHERE a.step = t.steps ORDER BY 1, 2, 3, 4, 5"}) {
    const auto rows = rows_of(database, query);
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

}  // namespace saddle::test
