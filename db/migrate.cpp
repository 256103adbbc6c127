#include "db/migrate.hpp"

#include <filesystem>

namespace saddle::db {
namespace {

std::string copy_aside(Connection& connection, std::int64_t version) {
  const std::string base = connection.path().string() + ".v" + std::to_string(version) + ".bak";
  std::string copy = base;
  for (int n = 2; std::filesystem::exists(copy); ++n) copy = base + std::to_string(n);
  try {
    Statement(connection, "VACUUM INTO ?1").bind(copy).run();
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(copy, ignored);
    throw;
  }
  return copy;
}

void drop_views(Connection& connection) {
  std::string drops;
  Statement views(connection, "SELECT name FROM sqlite_schema WHERE type = 'view'");
  while (views.step()) drops += "DROP VIEW \"" + views.text(0) + "\";";
  views.reset();
  connection.execute(drops);
}

// A table is rebuilt by dropping the old one, which others refer to: SQLite's own
// recipe turns foreign keys off, which only works outside a transaction, and
// checks them at the end.
class ForeignKeysOff {
 public:
  explicit ForeignKeysOff(Connection& connection)
      : connection_(connection), before_(connection.pragma("foreign_keys")) {
    connection_.execute("PRAGMA foreign_keys = OFF");
  }
  ~ForeignKeysOff() {
    if (before_ != 0) sqlite3_exec(connection_.raw(), "PRAGMA foreign_keys = ON", nullptr, nullptr, nullptr);
  }
  ForeignKeysOff(const ForeignKeysOff&) = delete;
  ForeignKeysOff& operator=(const ForeignKeysOff&) = delete;

 private:
  Connection& connection_;
  std::int64_t before_;
};

void check_foreign_keys(Connection& connection) {
  Statement broken(connection, "PRAGMA foreign_key_check");
  if (broken.step())
    throw Error(ErrorKind::corrupt, connection.path().string() + ": a row of table " + broken.text(0) +
                                        " refers to one of " + broken.text(2) +
                                        " that is not there; nothing was changed. Restore a copy");
}

}  // namespace

FileState inspect(Connection& connection, std::int64_t newest_version) {
  const std::int64_t id = connection.pragma("application_id");
  const std::int64_t version = connection.pragma("user_version");
  if (id == 0 && version == 0) {
    Statement tables(connection, "SELECT count(*) FROM sqlite_schema");
    tables.step();
    return tables.integer(0) == 0 ? FileState::empty : FileState::foreign;
  }
  if (id != kApplicationId) return FileState::foreign;
  if (version > newest_version) return FileState::newer;
  return version < newest_version ? FileState::older : FileState::current;
}

void refuse(Connection& connection, FileState state, std::int64_t newest_version) {
  const std::string path = connection.path().string();
  const std::string version = std::to_string(connection.pragma("user_version"));
  const std::string newest = std::to_string(newest_version);
  switch (state) {
    case FileState::newer:
      throw Error(ErrorKind::newer, path + ": written by a newer Saddle (format " + version +
                                        ", this one knows up to " + newest +
                                        "); use that Saddle, or choose another file with --db");
    case FileState::older:
      throw Error(ErrorKind::older, path + ": has the older format " + version + " (now " + newest +
                                        "); `saddle resume` brings it up to date and keeps a copy");
    case FileState::empty:
      throw Error(ErrorKind::foreign, path + ": is empty; `saddle run GRID.json` fills it");
    default:
      throw Error(ErrorKind::foreign,
                  path + ": is an SQLite file, but not Saddle's; choose another file with --db");
  }
}

std::string migrate(Connection& connection, const std::vector<Migration>& migrations,
                    std::string_view views) {
  const std::int64_t newest = migrations.back().version;
  const FileState state = inspect(connection, newest);
  if (state == FileState::current) return {};
  if (state != FileState::empty && state != FileState::older) refuse(connection, state, newest);

  const std::int64_t version = connection.pragma("user_version");
  std::string copy = state == FileState::older ? copy_aside(connection, version) : "";
  const ForeignKeysOff off(connection);
  Transaction transaction(connection);
  for (const Migration& migration : migrations)
    if (migration.version > version) {
      // Views may name what the migration removes.
      drop_views(connection);
      connection.execute(std::string(migration.sql));
    }
  check_foreign_keys(connection);
  connection.execute(std::string(views));
  connection.execute("PRAGMA application_id = " + std::to_string(kApplicationId));
  connection.execute("PRAGMA user_version = " + std::to_string(newest));
  transaction.commit();
  return copy;
}

}  // namespace saddle::db
