#pragma once
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "db/error.hpp"
#include "db/value.hpp"

// The reading side: any number of processes, while one writes or none does.
namespace saddle::db {

struct Rows {
  std::vector<std::string> columns;
  std::vector<std::vector<Value>> rows;
  bool truncated = false;  // there were more than was asked for
};

// What a user's query may cost. Past `rows` it is cut (and says so), past `time`
// it ends with an Error.
struct Limits {
  Limits(std::size_t most_rows = std::numeric_limits<std::size_t>::max(),
         std::chrono::milliseconds most_time = std::chrono::milliseconds::max())
      : rows(most_rows), time(most_time) {}
  std::size_t rows;
  std::chrono::milliseconds time;
};

// Not for several threads at once.
class Reader {
 public:
  // Opens read-only. Throws Error: missing, foreign, newer, older, io.
  explicit Reader(const std::filesystem::path& path);
  ~Reader();
  Reader(Reader&&) noexcept;

  const std::filesystem::path& path() const;

  // Our own SQL; ?1, ?2 ... are the binds.
  Rows query(std::string_view sql, const std::vector<Value>& binds = {});
  // db/queries/commands/<name>.sql.
  Rows named(std::string_view name, const std::vector<Value>& binds = {});
  // SQL from a user: one statement that reads this database and nothing else.
  // Beside SQLite's functions there are median(x) and stddev(x) (sample).
  // `binds` are the values of its parameters (:name, @name, $name) by name.
  // Throws Error (usage) that says why it was refused.
  Rows query_untrusted(std::string_view sql, const Limits& limits = {},
                       const std::map<std::string, Value>& binds = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// db/queries/<name>.sql as built in, sorted by name: questions for users, with
// their documentation in the comment that they begin with.
struct PublicQuery {
  std::string_view name, sql;
};
const std::vector<PublicQuery>& public_queries();

// The text of db/queries/commands/<name>.sql as built in; an unknown name is our mistake
// and throws std::logic_error.
std::string_view named_query(std::string_view name);

}  // namespace saddle::db
