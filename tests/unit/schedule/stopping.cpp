// Ctrl-C, resume, and what a checkpoint must be to be used.
#include <signal.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "fixture.hpp"

using namespace saddle;
using namespace saddle::schedule;
using db::Reason;
using db::TrialState;

TEST_CASE("the first interrupt stops cleanly, and resume runs planned minus done from the checkpoints") {
  Bench bench;
  bench.options.jobs = 2;
  Recorder first;
  bench.observer = &first;
  const auto experiment = bench.plan({{{"do", "succeed"}},
                                      {{"do", "train"}, {"rounds", 200}, {"round_ms", 20}},
                                      {{"do", "train"}, {"rounds", 200}, {"round_ms", 20}},
                                      {{"do", "succeed"}}});
  // Once the first is done and the two long ones are under way.
  first.tick = [&] {
    if (first.ended.size() < 1 || first.running < 2) return false;
    for (const char* name : {"t2", "t3"})  // ready to hear the signal
      if (!std::filesystem::exists(bench.runs / name / "attempt-1" / "worker.pid")) return false;
    ::kill(::getpid(), SIGINT);
    return true;
  };
  auto trials = bench.run(experiment);
  CHECK(bench.summary.interrupted);
  CHECK(bench.summary.not_started == 1);
  CHECK(trials[0].state == TrialState::done);
  CHECK(trials[1].reason == Reason::cancelled);
  CHECK(trials[1].state == TrialState::stopped);
  CHECK(trials[2].reason == Reason::cancelled);
  CHECK(trials[3].state == TrialState::planned);
  REQUIRE(first.notices.size() == 1);

  const std::int64_t stopped_at = trials[1].last_step;
  Recorder second;
  bench.observer = &second;
  trials = bench.run(experiment);
  CHECK(second.started == std::vector<std::string>{"t2", "t3", "t4"});
  CHECK(second.start_steps[0] == stopped_at);
  CHECK(stopped_at > 0);
  CHECK(stopped_at < 200);
  CHECK(second.start_steps[2] == -1);
  for (const auto& trial : trials) CHECK(trial.state == TrialState::done);
  CHECK(bench.sql("SELECT count(*) FROM metrics m JOIN trials t USING (trial) WHERE t.name = 't2'") == "200");
  CHECK(bench.sql("SELECT start_step FROM attempts WHERE name = 't2' AND attempt = 2") ==
        std::to_string(second.start_steps[0]));

  Recorder third;
  bench.observer = &third;
  bench.run(experiment);
  CHECK(third.started.empty());
}

TEST_CASE("the second interrupt kills") {
  Bench bench;
  bench.options.grace = std::chrono::hours(1);  // so that nothing else can
  Recorder recorder;
  bench.observer = &recorder;
  const auto experiment = bench.plan({{{"do", "ignore_sigterm"}}, {{"do", "ignore_sigterm"}}});
  int sent = 0;
  recorder.tick = [&] {
    for (const char* name : {"t1", "t2"})
      if (!std::filesystem::exists(bench.runs / name / "attempt-1" / "worker.pid")) return false;
    if (sent == 1 && recorder.notices.empty()) return false;  // one at a time: equal signals merge
    ::kill(::getpid(), SIGINT);
    return ++sent == 2;
  };
  const auto trials = bench.run(experiment);
  for (const auto& trial : trials) {
    CHECK(trial.reason == Reason::cancelled);
    CHECK(trial.message == "killed on request");
    CHECK(trial.state == TrialState::stopped);
  }
  CHECK(bench.sql("SELECT group_concat(signal) FROM attempts") == "9,9");
}

TEST_CASE("a killed worker's trial goes on from its last checkpoint") {
  Bench bench;
  const auto experiment =
      bench.plan({{{"do", "train"}, {"rounds", 20}, {"checkpoint_every", 4}, {"kill_at", 11}}});
  CHECK(bench.run(experiment)[0].reason == Reason::signal);

  Recorder recorder;
  bench.observer = &recorder;
  SECTION("as it was") {
    CHECK(bench.run(experiment)[0].reason == Reason::ok);
    CHECK(recorder.start_steps == std::vector<std::int64_t>{8});
    CHECK(bench.sql("SELECT count(*) || ' ' || min(step) || ' ' || max(step) FROM metrics") == "20 1 20");
    CHECK(bench.sql("SELECT count(*) FROM metrics WHERE attempt = 2") == "12");
  }
  SECTION("but not from a file that is no longer the recorded one") {
    std::ofstream(bench.runs / "t1" / "attempt-1" / "checkpoint.safetensors") << "12";
    CHECK(bench.run(experiment)[0].reason == Reason::signal);  // from the start, so it is killed again
    CHECK(recorder.start_steps == std::vector<std::int64_t>{-1});
  }
  SECTION("but not when asked to begin anew") {
    auto jobs = bench.jobs(experiment);
    jobs[0].from_scratch = true;
    Interrupts interrupts;
    Scheduler(bench.store(), recorder, interrupts, bench.options).run(jobs);
    CHECK(recorder.start_steps == std::vector<std::int64_t>{-1});
  }
}

TEST_CASE("a worker killed between saving and saying so goes on from the checkpoint before") {
  Bench bench;
  const auto experiment = bench.plan(
      {{{"do", "train"}, {"rounds", 20}, {"checkpoint_every", 4}, {"kill_before_announcing", 12}}});
  CHECK(bench.run(experiment)[0].reason == Reason::signal);
  Recorder recorder;
  bench.observer = &recorder;
  bench.run(experiment);  // killed at the same place again
  CHECK(recorder.start_steps == std::vector<std::int64_t>{8});
}
