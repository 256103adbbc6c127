#include <sys/resource.h>
#include <sys/wait.h>

#include "fixture.hpp"

using namespace saddle::db;
using namespace saddle::db::test;

namespace {

void limit_file_size(rlim_t bytes) {
  rlimit limit{};
  getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = bytes;
  setrlimit(RLIMIT_FSIZE, &limit);
}

std::vector<MetricRow> rows_of(std::int64_t key, std::int64_t first, std::int64_t size) {
  std::vector<MetricRow> rows;
  for (std::int64_t i = 0; i < size; ++i) rows.push_back({key, first + i, 0.1 * static_cast<double>(i)});
  return rows;
}

// 0: as promised; another number says which promise was broken.
int fill_up(const std::filesystem::path& path) {
  Store store(path);
  const Attempt attempt = store.begin_attempt(one_trial(store));
  const std::int64_t key = store.metric_key("loss");
  store.append_metrics(attempt.id, rows_of(key, 0, 1000));
  store.flush();

  limit_file_size(256 * 1024);
  std::int64_t sent = 1000;
  bool failed = false;
  for (int i = 0; i < 100 && !failed; ++i) {
    try {
      store.append_metrics(attempt.id, rows_of(key, sent, 1000));
      sent += 1000;
      store.flush();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::full) return 2;
      failed = true;
    }
  }
  if (!failed) return 3;
  // While it lasts, everything says so, and no row is taken that could be lost.
  try {
    store.append_metrics(attempt.id, rows_of(key, 500'000, 1));
    return 4;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::full) return 5;
  }
  try {
    store.finish_attempt(attempt.id, {.reason = Reason::ok});
    return 6;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::full) return 7;
  }
  // Room again: what was sent before is written, nothing is missing.
  limit_file_size(RLIM_INFINITY);
  store.flush();
  store.append_metrics(attempt.id, rows_of(key, sent, 1000));
  sent += 1000;
  store.finish_attempt(attempt.id, {.reason = Reason::ok});
  store.close();
  Reader reader(path);
  if (count(reader, "SELECT count(*) FROM metrics") != sent) return 8;
  if (count(reader, "SELECT n FROM finals") != sent) return 9;
  return 0;
}

}  // namespace

TEST_CASE("a full disk is an error at once, and no row is lost when there is room again") {
  const Folder folder;
  // In a process of its own: the file-size limit stands for the full disk.
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    int result = 1;
    try {
      result = fill_up(folder / "a.db");
    } catch (const std::exception& error) {
      fprintf(stderr, "%s\n", error.what());
    }
    _exit(result);
  }
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("no room for a new database is one clear error") {
  const Folder folder;
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    limit_file_size(8192);
    int result = 1;
    try {
      Store store(folder / "a.db");
    } catch (const Error& error) {
      result = error.kind() == ErrorKind::full ? 0 : 2;
    }
    _exit(result);
  }
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
