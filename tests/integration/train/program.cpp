#include "program.hpp"

#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <common/process.hpp>

namespace saddle::test {
namespace fs = std::filesystem;

Place::Place() {
  ::setenv("XDG_CACHE_HOME", SADDLE_TEST_CACHE, 1);
  if (!std::getenv("SADDLE_DATA")) ::setenv("SADDLE_DATA", DATA, 1);
  std::string name = (fs::temp_directory_path() / "saddle-program-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  folder = name;
}

Place::~Place() {
  std::error_code ignored;
  fs::remove_all(folder, ignored);
}

std::string Place::write(const std::string& name, const std::string& text) const {
  fs::create_directories((folder / name).parent_path());
  std::ofstream(folder / name) << text;
  return (folder / name).string();
}

Arguments Place::command(Arguments arguments) const {
  Arguments all = {SADDLE_PROGRAM, "--db", (folder / "saddle.db").string()};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

Place::Answer Place::saddle(Arguments arguments) const {
  const ChildResult result = run_child(command(std::move(arguments)), "", 180);
  INFO(result.failure());
  REQUIRE_FALSE(result.timed_out);
  REQUIRE(result.signal == 0);
  return {result.exit_code, result.out, result.err};
}

pid_t Place::start(Arguments arguments) const {
  const Arguments all = command(std::move(arguments));
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    std::vector<char*> argv;
    for (const auto& a : all) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    if (!std::freopen("/dev/null", "w", stdout)) ::_exit(126);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  return pid;
}

Json Place::sql(const std::string& query) const {
  const Answer answer = saddle({"sql", query, "--json"});
  INFO(query << "\n" << answer.err);
  REQUIRE(answer.code == 0);
  return Json::parse(answer.out);
}

std::string Place::sqlite(const std::string& statement) const {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open((folder / "saddle.db").c_str(), &db) == SQLITE_OK);
  std::string value;
  const auto keep = [](void* out, int columns, char** values, char**) {
    if (columns > 0 && values[0]) *static_cast<std::string*>(out) = values[0];
    return 0;
  };
  CHECK(sqlite3_exec(db, statement.c_str(), keep, &value, nullptr) == SQLITE_OK);
  sqlite3_close(db);
  return value;
}

bool Place::wait_until(const std::string& query) const {
  for (int i = 0; i < 600; ++i) {
    if (fs::exists(folder / "saddle.db")) {
      const Answer answer = saddle({"sql", query, "--json"});
      if (answer.code == 0) {
        const Json rows = Json::parse(answer.out);
        if (!rows.empty() && rows[0].begin()->get<double>() != 0) return true;
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return false;
}

Json small_grid() {
  return Json::parse(R"({
    "name": "small",
    "dataset": {"use": "gaussians"},
    "models": {"generator": {"use": "mlp", "width": 16}, "discriminator": {"use": "mlp", "width": 16}},
    "losses": [{"use": "hinge"}],
    "optimizers": {"generator": {"use": "adam", "lr": 1e-3}, "discriminator": {"use": "adam", "lr": 1e-3}},
    "train": {"rounds": 20, "batch": 32, "latent": {"size": 4}},
    "metrics": [{"use": "modes", "every": 10, "samples": 100}],
    "record": {"every": 5}
  })");
}

}  // namespace saddle::test
