#pragma once
#include <cstddef>
#include <filesystem>
#include <limits>
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
  // db/queries/<name>.sql.
  Rows named(std::string_view name, const std::vector<Value>& binds = {});
  // SQL from a user: one statement that reads this database and nothing else.
  // Beside SQLite's functions there are median(x) and stddev(x) (sample).
  // Throws Error (usage) that says why it was refused.
  Rows query_untrusted(std::string_view sql, std::size_t max_rows = std::numeric_limits<std::size_t>::max());

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The text of db/queries/<name>.sql as built in; an unknown name is our mistake
// and throws std::logic_error.
std::string_view named_query(std::string_view name);

}  // namespace saddle::db
