#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>

#include "db/migrate.hpp"
#include "fixture.hpp"
#include "history.hpp"

using namespace saddle::db;
using namespace saddle::db::test;

namespace {

Connection open(const std::filesystem::path& path) {
  return {path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE};
}

const std::vector<Migration> kOne{{1, "CREATE TABLE a (x INTEGER) STRICT;"}};
const std::vector<Migration> kTwo{
    {1, "CREATE TABLE a (x INTEGER) STRICT;"},
    {2, "CREATE TABLE b (y INTEGER) STRICT; INSERT INTO b SELECT x + 1 FROM a; DROP TABLE a;"}};

const std::vector<std::string> kViews{
    "experiments", "experiment_trials", "trials",       "attempts", "params", "metrics",
    "finals",      "artifacts",         "plugins_used", "events"};

std::string columns_of(Connection& connection, const std::string& view) {
  Statement rows(connection, "SELECT group_concat(name) FROM pragma_table_info('" + view + "')");
  rows.step();
  return rows.text(0);
}

// All that a view says, sorted: its order is nobody's promise.
std::vector<std::string> said_by(Connection& connection, const std::string& view,
                                 const std::string& columns = "*") {
  Statement rows(connection, "SELECT " + columns + " FROM " + view);
  std::vector<std::string> lines;
  while (rows.step()) {
    std::string& line = lines.emplace_back();
    for (int i = 0; i < rows.columns(); ++i)
      line += rows.column_name(i) + "=" + (rows.is_null(i) ? "null" : rows.text(i)) + " ";
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

}  // namespace

TEST_CASE("a new file gets the newest version and no copy") {
  const Folder folder;
  Connection connection = open(folder / "a.db");
  CHECK(migrate(connection, kTwo, "CREATE VIEW v AS SELECT y FROM b;").empty());
  CHECK(connection.pragma("user_version") == 2);
  CHECK(connection.pragma("application_id") == kApplicationId);
}

TEST_CASE("an older file is copied, then migrated with its rows and views") {
  const Folder folder;
  Connection connection = open(folder / "a.db");
  migrate(connection, kOne, "CREATE VIEW v AS SELECT x FROM a;");
  connection.execute("INSERT INTO a VALUES (41)");
  const std::string copy = migrate(connection, kTwo, "CREATE VIEW v AS SELECT y FROM b;");

  Statement now(connection, "SELECT y FROM v");
  REQUIRE(now.step());
  CHECK(now.integer(0) == 42);
  REQUIRE(std::filesystem::exists(copy));
  Connection old = open(copy);
  Statement then(old, "SELECT x FROM v");
  REQUIRE(then.step());
  CHECK(then.integer(0) == 41);
  CHECK(old.pragma("user_version") == 1);
}

TEST_CASE("a migration that fails changes nothing") {
  const Folder folder;
  Connection connection = open(folder / "a.db");
  migrate(connection, kOne, "CREATE VIEW v AS SELECT x FROM a;");
  const std::vector<Migration> broken{kOne[0], {2, "DROP TABLE a; INSERT INTO nowhere VALUES (1);"}};
  CHECK_THROWS_AS(migrate(connection, broken, ""), Error);
  CHECK(connection.pragma("user_version") == 1);
  Statement view(connection, "SELECT count(*) FROM v");
  CHECK(view.step());
}

TEST_CASE("a second copy does not replace the first") {
  const Folder folder;
  std::ofstream(folder / "a.db.v1.bak") << "kept";
  Connection connection = open(folder / "a.db");
  migrate(connection, kOne, "");
  CHECK(migrate(connection, kTwo, "") == (folder / "a.db.v1.bak2").string());
  CHECK(std::filesystem::file_size(folder / "a.db.v1.bak") == 4);
}

TEST_CASE("a newer file is refused by writer and reader, untouched") {
  const Folder folder;
  const auto path = folder / "a.db";
  { Store store(path); }
  { open(path).execute("PRAGMA user_version = 99"); }
  expect_error(ErrorKind::newer, "newer Saddle (format 99", [&] { Store store(path); });
  expect_error(ErrorKind::newer, "newer Saddle (format 99", [&] { Reader reader(path); });
  Connection connection = open(path);
  CHECK(connection.pragma("user_version") == 99);
}

TEST_CASE("files that are not ours are refused, untouched") {
  const Folder folder;
  { open(folder / "other.db").execute("CREATE TABLE t (x)"); }
  expect_error(ErrorKind::foreign, "not Saddle's", [&] { Store store(folder / "other.db"); });
  std::ofstream(folder / "text.db") << std::string(5000, 'x');
  expect_error(ErrorKind::foreign, "text.db", [&] { Store store(folder / "text.db"); });
  expect_error(ErrorKind::foreign, "text.db", [&] { Reader reader(folder / "text.db"); });
  CHECK_FALSE(std::filesystem::exists(folder / "other.db.lock"));
  expect_error(ErrorKind::missing, "no such database", [&] { Reader reader(folder / "none.db"); });
  expect_error(ErrorKind::io, "no folder", [&] { Store store(folder / "none" / "a.db"); });
  expect_error(ErrorKind::io, "is a folder", [&] { Store store(folder.path()); });
}

TEST_CASE("the bundled schema is version 1 on, without gaps") {
  std::int64_t expected = 1;
  for (const Migration& migration : bundled_migrations()) CHECK(migration.version == expected++);
  CHECK(expected >= 2);
}

// How data/vN.db is made, before version N is released:
//   SADDLE_HISTORY=tests/unit/db/data/vN.db test_db "the history as a file"
TEST_CASE("the history as a file", "[.]") {
  const char* path = std::getenv("SADDLE_HISTORY");
  REQUIRE(path != nullptr);
  std::filesystem::remove(path);
  write_history(path);
  {
    Connection connection = open(path);
    connection.execute(kNeutral);
    connection.pragma_text("journal_mode = DELETE");
    connection.execute("PRAGMA page_size = 1024; VACUUM");
  }
  std::filesystem::remove(std::string(path) + ".lock");
}

TEST_CASE("the file that is kept of the newest version is as that version writes it") {
  const Folder folder;
  write_history(folder / "fresh.db");
  Connection fresh = open(folder / "fresh.db");
  fresh.execute(kNeutral);
  const std::string name = "v" + std::to_string(bundled_migrations().back().version) + ".db";
  REQUIRE(std::filesystem::exists(std::filesystem::path(SADDLE_DATABASES) / name));
  std::filesystem::copy_file(std::filesystem::path(SADDLE_DATABASES) / name, folder / name);
  const Reader opens(folder / name);
  Connection kept = open(folder / name);
  const auto tables = [](Connection& connection) {
    Statement rows(connection, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name");
    std::vector<std::string> texts;
    while (rows.step()) texts.push_back(rows.text(0));
    return texts;
  };
  CHECK(tables(kept) == tables(fresh));
  for (const std::string& view : kViews) {
    INFO(view);
    CHECK(said_by(kept, view) == said_by(fresh, view));
  }
}

// One file a version is kept; see history.hpp.
TEST_CASE("an old database says after its migration what it said before, and what a new one says") {
  const Folder folder;
  write_history(folder / "fresh.db");
  Connection fresh = open(folder / "fresh.db");
  fresh.execute(kNeutral);

  for (std::int64_t version = 1; version < bundled_migrations().back().version; ++version) {
    const std::string name = "v" + std::to_string(version) + ".db";
    INFO(name);
    REQUIRE(std::filesystem::exists(std::filesystem::path(SADDLE_DATABASES) / name));
    std::filesystem::copy_file(std::filesystem::path(SADDLE_DATABASES) / name, folder / name);
    std::map<std::string, std::vector<std::string>> before;
    std::map<std::string, std::string> columns;
    {
      Connection old = open(folder / name);
      REQUIRE(old.pragma("user_version") == version);
      for (const std::string& view : kViews) {
        before[view] = said_by(old, view);
        columns[view] = columns_of(old, view);
      }
    }
    expect_error(ErrorKind::older, "older format", [&] { Reader reader(folder / name); });
    { Store store(folder / name); }
    CHECK(std::filesystem::exists((folder / name).string() + ".v" + std::to_string(version) + ".bak"));

    Connection migrated = open(folder / name);
    CHECK(migrated.pragma_text("integrity_check") == "ok");
    CHECK(migrated.pragma_text("foreign_key_check").empty());
    for (const std::string& view : kViews) {
      INFO(view);
      CHECK_FALSE(before[view].empty());
      CHECK(said_by(migrated, view, columns[view]) == before[view]);  // later formats add columns
      CHECK(said_by(migrated, view) == said_by(fresh, view));
    }
  }
}

TEST_CASE("a migrated database takes new trials and goes on with old ones") {
  const Folder folder;
  std::filesystem::copy_file(std::filesystem::path(SADDLE_DATABASES) / "v1.db", folder / "a.db");
  Store store(folder / "a.db");
  const std::int64_t losses = store.find_experiment("losses")->id;
  std::vector<PlannedTrial> plan = history_plan();
  plan.push_back(planned(6, "new", 1));
  const PlanCounts counts = store.freeze_plan(losses, plan);
  CHECK(counts.done == 3);
  CHECK(counts.known == 2);
  CHECK(counts.planned == 1);
  CHECK(store.trials_to_run(losses).size() == 3);
  CHECK(store.trials(losses).at(0).config_json == history_config("hinge", 16, 10));
}
