#include <fstream>

#include "db/migrate.hpp"
#include "fixture.hpp"

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
