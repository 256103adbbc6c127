#include <sys/wait.h>

#include "fixture.hpp"

using namespace saddle::db;
using namespace saddle::db::test;

namespace {

void refuse(Reader& reader, const std::string& sql, const std::string& text) {
  INFO(sql);
  expect_error(ErrorKind::usage, text, [&] { reader.query_untrusted(sql); });
}

}  // namespace

TEST_CASE("a user's SQL reads and does nothing else") {
  const Folder folder;
  {
    Store store(folder / "a.db");
    one_trial(store);
  }
  Reader reader(folder / "a.db");
  CHECK(reader.query_untrusted("SELECT name FROM trials;  ").rows.size() == 1);
  CHECK(reader
            .query_untrusted(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n")
            .rows.size() == 5);
  CHECK(reader.query_untrusted("PRAGMA table_info(trials)").rows.size() > 10);

  const std::string allowed = "only statements that read";
  for (const char* sql :
       {"DELETE FROM trial", "UPDATE trial SET seed = 2", "INSERT INTO metric_key VALUES (1, 'a', '')",
        "DROP VIEW trials", "CREATE TABLE t (x)", "CREATE TEMP TABLE t (x)", "ATTACH 'other.db' AS o",
        "PRAGMA query_only = OFF", "PRAGMA user_version = 9", "PRAGMA journal_mode = DELETE",
        "VACUUM INTO 'b.db'", "BEGIN IMMEDIATE", "WITH a AS (SELECT 1) DELETE FROM trial", "REINDEX"})
    refuse(reader, sql, allowed);
  refuse(reader, "SELECT load_extension('x')", "load_extension");
  refuse(reader, "SELECT 1; DELETE FROM trial", "one statement");
  refuse(reader, "", "no statement");
  refuse(reader, " -- nothing", "no statement");
  refuse(reader, "SELECT colour FROM trials", "no such column: colour (at character 8)");
  refuse(reader, "SELEC 1", "syntax error");
  // Our own queries go on after a refusal.
  CHECK(count(reader, "SELECT count(*) FROM trials") == 1);
}

TEST_CASE("rows past the limit are cut, and said to be") {
  const Folder folder;
  { Store store(folder / "a.db"); }
  Reader reader(folder / "a.db");
  const std::string sql = "WITH v(value) AS (VALUES (1), (2), (3), (4), (5)) SELECT value FROM v";
  CHECK(reader.query_untrusted(sql, 5).truncated == false);
  CHECK(reader.query_untrusted(sql, 4).truncated);
  CHECK(reader.query_untrusted(sql, 4).rows.size() == 4);
}

TEST_CASE("a query that takes too long is stopped, and the next one is not") {
  const Folder folder;
  { Store store(folder / "a.db"); }
  Reader reader(folder / "a.db");
  const std::string endless =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
  expect_error(ErrorKind::usage, "stopped after 0.05 seconds", [&] {
    reader.query_untrusted(endless, {10, std::chrono::milliseconds(50)});
  });
  CHECK(reader.query_untrusted("SELECT 1", {10, std::chrono::milliseconds(50)}).rows.size() == 1);
  CHECK(reader.query("SELECT 1").rows.size() == 1);
  expect_error(ErrorKind::usage, "too big", [&] { reader.query_untrusted("SELECT zeroblob(1000000000)"); });
}

TEST_CASE("parameters of a user's query are given by name") {
  const Folder folder;
  { Store store(folder / "a.db"); }
  Reader reader(folder / "a.db");
  const Rows rows =
      reader.query_untrusted("SELECT :a + @b, $c, typeof(:none)", {},
                             {{"a", std::int64_t{1}}, {"b", 0.5}, {"c", "x'; DROP"}, {"none", Value{}}});
  CHECK(std::get<double>(rows.rows[0][0]) == 1.5);
  CHECK(std::get<std::string>(rows.rows[0][1]) == "x'; DROP");
  CHECK(std::get<std::string>(rows.rows[0][2]) == "null");
  expect_error(ErrorKind::usage, ":a has no value", [&] { reader.query_untrusted("SELECT :a"); });
  expect_error(ErrorKind::usage, "no parameter :b", [&] {
    reader.query_untrusted("SELECT 1", {}, {{"b", "1"}});
  });
  expect_error(ErrorKind::usage, "needs a name", [&] {
    reader.query_untrusted("SELECT ?", {}, {{"b", "1"}});
  });
  expect_error(ErrorKind::usage, "needs a name", [&] {
    reader.query_untrusted("SELECT ?7", {}, {{"b", "1"}});
  });
}

TEST_CASE("median and stddev") {
  const Folder folder;
  { Store store(folder / "a.db"); }
  Reader reader(folder / "a.db");
  const auto value = [&](const std::string& call, const std::string& values) {
    return reader.query_untrusted("WITH v(x) AS (VALUES " + values + ") SELECT " + call + " FROM v")
        .rows.at(0)
        .at(0);
  };
  CHECK(std::get<double>(value("median(x)", "(5), (1), (NULL), (3)")) == 3);
  CHECK(std::get<double>(value("median(x)", "(4), (1), (3), (2)")) == 2.5);
  CHECK(std::get<double>(value("stddev(x)", "(2), (4), (4), (4), (5), (5), (7), (9)")) == Approx(2.13809));
  CHECK(std::holds_alternative<std::monostate>(value("stddev(x)", "(2)")));
  CHECK(std::holds_alternative<std::monostate>(value("median(x)", "(NULL)")));
}

TEST_CASE("every view and every named query runs") {
  const Folder folder;
  {
    Store store(folder / "a.db");
    one_trial(store);
  }
  Reader reader(folder / "a.db");
  for (const char* view : {"trials", "params", "metrics", "finals", "artifacts", "plugins_used", "events",
                           "experiments", "experiment_trials", "attempts"})
    CHECK_NOTHROW(reader.query("SELECT * FROM " + std::string(view)));
  for (const auto& entry : std::filesystem::directory_iterator(SADDLE_QUERIES "/commands")) {
    INFO(entry.path());
    CHECK_NOTHROW(reader.named(entry.path().stem().string()));
  }
  CHECK_THROWS_AS(reader.named("no such query"), std::logic_error);
  CHECK_THROWS_AS(reader.named("by_config"), std::logic_error);  // one for users
}

TEST_CASE("a closed database in a folder without write permission can be read") {
  const Folder folder;
  std::filesystem::create_directory(folder / "100% mine?");
  const auto path = folder / "100% mine?" / "a.db";
  {
    Store store(path);
    one_trial(store);
  }
  using std::filesystem::perms;
  std::filesystem::permissions(folder.path(), perms::owner_all | perms::others_read | perms::others_exec);
  std::filesystem::permissions(
      path.parent_path(), perms::owner_read | perms::owner_exec | perms::others_read | perms::others_exec);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    // Root may write everywhere: be nobody.
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(3);
    if (access(path.parent_path().c_str(), W_OK) == 0) _exit(4);
    try {
      Reader reader(path);
      _exit(count(reader, "SELECT count(*) FROM trials") == 1 ? 0 : 1);
    } catch (const std::exception& error) {
      fprintf(stderr, "%s\n", error.what());
      _exit(2);
    }
  }
  int status = 0;
  waitpid(child, &status, 0);
  std::filesystem::permissions(path.parent_path(), perms::owner_all);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
