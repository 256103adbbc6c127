// What is left when the scheduler itself is killed.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include <db/process.hpp>

#include "fixture.hpp"

using namespace saddle;
using namespace saddle::schedule;

namespace {

std::int64_t worker_pid(const Bench& bench, const char* trial) {
  const std::string text = text_of(bench.runs / trial / "attempt-1" / "worker.pid");
  return text.empty() ? -1 : std::stoll(text);
}

bool gone(std::int64_t pid) { return db::identify_process(pid).start_time == -1; }

}  // namespace

TEST_CASE("no worker outlives a killed scheduler, and resume finishes what it left") {
  Bench bench;
  const auto experiment =
      bench.plan({{{"do", "succeed"}},
                  {{"do", "ignore_sigterm"}},
                  {{"do", "train"}, {"rounds", 60}, {"round_ms", 20}, {"checkpoint_every", 1}}});
  bench.close();
  bench.options.jobs = 3;

  const pid_t host = ::fork();
  REQUIRE(host >= 0);
  if (host == 0) {
    bench.run(experiment);
    ::_exit(0);
  }
  REQUIRE(eventually([&] { return worker_pid(bench, "t2") > 0 && worker_pid(bench, "t3") > 0; }));
  REQUIRE(eventually(
      [&] { return bench.sql("SELECT count(*) FROM artifacts WHERE kind = 'checkpoint'") != "0"; }));
  const std::int64_t pids[] = {worker_pid(bench, "t2"), worker_pid(bench, "t3")};
  for (const std::int64_t pid : pids) REQUIRE_FALSE(gone(pid));
  ::kill(host, SIGKILL);
  int status = 0;
  ::waitpid(host, &status, 0);
  REQUIRE(WIFSIGNALED(status));
  for (const std::int64_t pid : pids) CHECK(eventually([&] { return gone(pid); }));

  auto trials = bench.store().trials(experiment);
  CHECK(trials[0].state == db::TrialState::done);
  CHECK(trials[1].reason == db::Reason::lost);
  CHECK(trials[2].reason == db::Reason::lost);

  Recorder recorder;
  recorder.tick = [&] {  // the deaf one shall not keep us
    if (recorder.ended.empty()) return false;
    ::kill(::getpid(), SIGINT);
    return true;
  };
  bench.observer = &recorder;
  bench.options.grace = std::chrono::milliseconds(100);
  trials = bench.run(experiment);
  CHECK(recorder.started == std::vector<std::string>{"t2", "t3"});
  CHECK(recorder.start_steps[1] >= 1);
  CHECK(trials[1].reason == db::Reason::cancelled);
  CHECK(trials[2].state == db::TrialState::done);
  CHECK(bench.sql("SELECT count(*) FROM metrics m JOIN trials t USING (trial) WHERE t.name = 't3'") == "60");
  CHECK(bench.sql("PRAGMA integrity_check") == "ok");
}
