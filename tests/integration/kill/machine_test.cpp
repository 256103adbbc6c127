// The machine in the way: a clock that is set back, two at one database, a copy while it is written, a
// network disk.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>
#include <thread>

#include <common/process.hpp>

#include "rows.hpp"
#include "victim.hpp"

using namespace saddle::test;
using saddle::Json;
namespace fs = std::filesystem;
using Catch::Matchers::Contains;

namespace {

Json long_grid() {
  Json grid = small_grid();
  grid["train"]["rounds"] = 600;
  grid["metrics"] = {{{"use", "modes"}, {"every", 200}, {"samples", 50}}};
  grid["checkpoint"] = {{"every", 50}};
  grid["seeds"] = {1, 2};
  return grid;
}

// What saddle and its workers are run with, until the end of a scope.
class Environment {
 public:
  Environment(const char* name, const std::string& value) : name_(name) { ::setenv(name, value.c_str(), 1); }
  ~Environment() { ::unsetenv(name_); }
  Environment(const Environment&) = delete;

 private:
  const char* name_;
};

std::string one(const Place& place, const std::string& query) {
  const auto rows = rows_of(place / "saddle.db", query);
  return rows.empty() ? "" : rows[0];
}

}  // namespace

TEST_CASE("a clock that is set back changes no order and no result") {
  const Place place, unkilled;
  const std::string file = place.write("grid.json", long_grid());
  REQUIRE(unkilled.saddle({"run", file}).code == 0);
  Json older = small_grid();
  older["name"] = "older";
  REQUIRE(place.saddle({"run", place.write("older.json", older)}).code == 0);
  std::ofstream(place / "clock") << "-86400";
  const Environment clock("SADDLE_CLOCK", (place / "clock").string());
  {
    const Environment preload("LD_PRELOAD", MACHINE);
    // From a day before the experiment that is there already; two days more while it runs.
    Victim run(place, {"run", file, "--jobs", "1"}, {});
    REQUIRE(place.wait_until("select count(*) from artifacts where kind = 'checkpoint' and trial > 1"));
    std::ofstream(place / "clock") << "-259200";
    REQUIRE(place.wait_until("select count(*) from trials where state = 'done' and trial > 1"));
    REQUIRE(place.wait_until("select count(*) from artifacts where kind = 'checkpoint' and trial = 3"));
    ::kill(run.saddle(), SIGKILL);
    REQUIRE(WIFSIGNALED(run.wait()));
    CHECK(run.orphans().empty());
    std::ofstream(place / "clock") << "-432000";
    // Without a name: the one that was run last, whatever its date.
    const auto resumed = place.saddle({"resume"});
    INFO(resumed.out << resumed.err);
    CHECK(resumed.code == 0);
    CHECK_THAT(resumed.out, Contains("small: 2 trials"));
  }
  CHECK(one(place, "SELECT count(*) FROM trials WHERE state = 'done'") == "3");
  CHECK(one(place, "SELECT attempts FROM trials WHERE trial = 3") == "2");
  // It was shifted: the younger attempt of a trial has the older date, and its rows count.
  CHECK(one(place,
            "SELECT max(started) < (SELECT min(started) FROM attempts WHERE trial = 1) FROM attempts"
            " WHERE trial = 3") == "1");
  CHECK(one(place,
            "SELECT (SELECT started FROM attempts WHERE trial = 3 AND attempt = (SELECT max(attempt) FROM"
            " attempts)) < (SELECT started FROM attempts WHERE trial = 3 AND start_step = -1)") == "1");
  CHECK(one(place, "SELECT count(*) FROM attempts WHERE seconds < 0") == "0");
  CHECK(place.saddle({"plan", file}).code == 0);
  const char* numbers =
      "SELECT t.name, m.metric, m.step, m.value, m.kind FROM metrics m JOIN trials t USING (trial)"
      " WHERE t.experiment = 'small' AND m.metric != 'images_per_second' ORDER BY 1, 2, 3";
  const bool same = rows_of(place / "saddle.db", numbers) == rows_of(unkilled / "saddle.db", numbers);
  CHECK(same);
}

TEST_CASE("a second saddle on one database is told who holds it, or waits") {
  const Place place;
  const std::string file = place.write("grid.json", long_grid());
  Victim first(place, {"run", file, "--jobs", "2"}, {"training", 3, "before", true});
  REQUIRE(first.wait_for_bell().id > 0);
  for (const Arguments& command : {Arguments{"run", file}, Arguments{"resume"}}) {
    const auto second = place.saddle(command);
    INFO(second.out << second.err);
    CHECK(second.code == 3);
    CHECK_THAT(second.err, Contains("process " + std::to_string(first.saddle()) + " on ") &&
                               Contains(" since 20") && Contains("--wait"));
  }
  CHECK(place.saddle({"ls"}).code == 0);  // reading goes on
  const pid_t waiting = place.start({"run", file, "--wait"});
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  CHECK(::waitpid(waiting, nullptr, WNOHANG) == 0);
  first.let_go();
  const int status = first.wait();
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  int waited = 0;
  REQUIRE(::waitpid(waiting, &waited, 0) == waiting);
  CHECK(WIFEXITED(waited));
  CHECK(WEXITSTATUS(waited) == 0);
  CHECK(rows_of(place / "saddle.db", "SELECT attempts, state FROM trials") ==
        std::vector<std::string>(2, "1 | done"));
}

TEST_CASE("a database that is copied while it is written opens, whole") {
  const Place place;
  Json grid = long_grid();
  grid["train"]["rounds"] = 3000;
  const std::string file = place.write("grid.json", grid);
  Victim run(place, {"run", file, "--jobs", "2"}, {});
  REQUIRE(place.wait_until("select count(*) from attempts"));
  const fs::path copy = place / "copy.db", log = copy.string() + "-wal";
  int copies = 0, grown = 0;
  long last = 0;
  while (!run.processes().empty()) {
    for (const char* end : {"", "-wal", "-shm"}) fs::remove(copy.string() + end);
    // As cp does it: the file, then what is beside it.
    fs::copy_file(place / "saddle.db", copy);
    std::error_code closed;
    fs::copy_file(place / "saddle.db-wal", log, closed);
    CHECK(rows_of(copy, "PRAGMA integrity_check") == std::vector<std::string>{"ok"});
    const long rows = std::stol(rows_of(copy, "SELECT count(*) FROM metric")[0]);
    CHECK(rows >= last);
    grown += rows > last;
    last = rows;
    if (copies++ % 16 == 0) CHECK(saddle::run_child({SADDLE_PROGRAM, "--db", copy, "ls"}, "", 60).ok());
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  CHECK(WEXITSTATUS(run.wait()) == 0);
  INFO(copies << " copies");
  CHECK(grown > 1);
}

TEST_CASE("a database on a network file system is refused with advice") {
  const Environment preload("LD_PRELOAD", MACHINE);
  for (const auto& [type, name] : {std::pair{"6969", "NFS"}, {"FE534D42", "SMB"}, {"1021997", "9P"}}) {
    const Environment system("SADDLE_FILE_SYSTEM", type);
    const Place place;
    const auto answer = place.saddle({"run", place.write("grid.json", small_grid())});
    INFO(answer.out << answer.err);
    CHECK(answer.code == 3);
    CHECK_THAT(answer.err, Contains(name) && Contains("--db") && Contains("saddle.db"));
    CHECK_FALSE(fs::exists(place / "saddle.db"));
    CHECK_FALSE(fs::exists(place / "saddle.db.lock"));
  }
}

TEST_CASE("a worker that hangs at plan goes with a killed saddle") {
  const Place place;
  fs::create_directories(place / "cache");
  const Environment cache("XDG_CACHE_HOME", (place / "cache").string());
  const std::string file = place.write("grid.json", small_grid());
  // The second finds all described and only proves.
  for (const char* role : {"describe", "prove"}) {
    Victim plan(place, {"plan", file}, {"ask", 1, "before", true});
    CHECK(plan.wait_for_bell().role == role);
    ::kill(plan.saddle(), SIGKILL);
    plan.wait();
    CHECK(plan.orphans().empty());
    REQUIRE(place.saddle({"plugins", "ls"}).code == 0);
  }
}
