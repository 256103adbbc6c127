#include <sys/wait.h>

#include <csignal>
#include <thread>

#include "fixture.hpp"

using namespace saddle::db;
using namespace saddle::db::test;

namespace {

// Writes for ever; after each flush says through the pipe how many rows are safe.
[[noreturn]] void write_and_acknowledge(const std::filesystem::path& path, int pipe) {
  try {
    Store store(path);
    const std::int64_t trial = store.trials(1).at(0).id;
    const Attempt attempt = store.begin_attempt(trial);
    const std::int64_t key = store.metric_key("loss");
    for (std::int64_t step = 0;; step += 100) {
      std::vector<MetricRow> rows;
      for (std::int64_t i = 0; i < 100; ++i) rows.push_back({key, step + i, static_cast<double>(step + i)});
      store.append_metrics(attempt.id, rows);
      store.flush();
      const std::int64_t safe = step + 100;
      if (write(pipe, &safe, sizeof safe) != sizeof safe) _exit(1);
    }
  } catch (const std::exception&) {
    _exit(2);
  }
}

}  // namespace

TEST_CASE("SIGKILL of the writer loses no acknowledged row") {
  const Folder folder;
  const auto path = folder / "a.db";
  {
    Store store(path);
    one_trial(store);
  }
  std::int64_t attempts = 0;
  for (int round = 0; round < 12; ++round) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      close(ends[0]);
      write_and_acknowledge(path, ends[1]);
    }
    close(ends[1]);
    // Let it acknowledge something, then kill it at some odd instant.
    std::int64_t safe = 0, said = 0;
    for (int i = 0; i <= round * 3; ++i) REQUIRE(read(ends[0], &safe, sizeof safe) == sizeof safe);
    std::this_thread::sleep_for(std::chrono::microseconds(137 * round));
    kill(child, SIGKILL);
    while (read(ends[0], &said, sizeof said) == sizeof said) safe = said;
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    REQUIRE(WIFSIGNALED(status));
    ++attempts;

    std::vector<std::string> notices;
    Store store(path, {.notice = [&](const std::string& text) { notices.push_back(text); }});
    REQUIRE(notices.size() == 2);
    CHECK(notices[0].find("checking the file") != std::string::npos);
    CHECK(notices[1].find("1 attempt was cut off") != std::string::npos);
    const TrialInfo trial = store.trials(1).at(0);
    CHECK(trial.reason == Reason::lost);
    CHECK(trial.attempts == attempts);
    Reader reader(path);
    const std::int64_t rows = count(reader, "SELECT count(*) FROM metrics WHERE value = step");
    CHECK(rows >= safe);
    CHECK(rows <= safe + 100);
    CHECK(count(reader, "SELECT n FROM finals") == rows);
    CHECK(std::get<std::string>(reader.query("PRAGMA integrity_check").rows[0][0]) == "ok");
  }
}

TEST_CASE("a clean end is not checked again") {
  const Folder folder;
  { Store store(folder / "a.db"); }
  std::vector<std::string> notices;
  Store store(folder / "a.db", {.notice = [&](const std::string& text) { notices.push_back(text); }});
  CHECK(notices.empty());
}

TEST_CASE("a damaged file is refused after an unclean stop") {
  const Folder folder;
  const auto path = folder / "a.db";
  {
    Store store(path);
    const Attempt attempt = store.begin_attempt(one_trial(store));
    std::vector<MetricRow> rows;
    for (int step = 0; step < 20'000; ++step) rows.push_back({store.metric_key("loss"), step, 0.1 * step});
    store.append_metrics(attempt.id, rows);
    store.finish_attempt(attempt.id, {});
  }
  FILE* file = fopen(path.c_str(), "r+b");
  REQUIRE(file);
  for (int page = 40; page < 60; ++page) {
    fseek(file, page * 4096L, SEEK_SET);
    for (int i = 0; i < 200; ++i) fputc(0x5A, file);
  }
  fclose(file);
  FILE* lock = fopen((path.string() + ".lock").c_str(), "w");
  REQUIRE(lock);
  fputs("process 1 on elsewhere", lock);
  fclose(lock);
  expect_error(ErrorKind::corrupt, "a.db", [&] { Store store(path); });
}
