// Attempts that are made again, runs that give up, and what other terminals ask.
#include <schedule/requests.hpp>
#include <schedule/scheduler.hpp>

#include <signal.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "fixture.hpp"

using namespace saddle;
using namespace saddle::schedule;
using Catch::Matchers::Contains;
using db::Reason;

namespace {

db::AttemptEnd failed(const std::string& message, int exit_code = 1) {
  db::AttemptEnd end;
  end.reason = Reason::error;
  end.exit_code = exit_code;
  end.message = message;
  return end;
}

}  // namespace

TEST_CASE("a signal is retried with a fresh attempt that goes on from the checkpoint") {
  Bench bench;
  bench.options.retries = 1;
  Recorder recorder;
  bench.observer = &recorder;
  const auto trials =
      bench.run(bench.plan({{{"do", "train"}, {"rounds", 20}, {"checkpoint_every", 4}, {"kill_at", 11}}}));
  CHECK(trials[0].reason == Reason::ok);
  CHECK(trials[0].attempts == 2);
  CHECK(recorder.start_steps == std::vector<std::int64_t>{-1, 8});
  CHECK(recorder.retries == std::vector<std::string>{"t1"});
  CHECK(bench.sql("SELECT group_concat(reason) FROM attempts") == "signal,ok");
  CHECK(bench.sql("SELECT message FROM events WHERE type = 'retry'") == "retry 1 of 1 after: signal");
  CHECK(bench.sql("SELECT count(*) || ' ' || max(step) FROM metrics") == "20 20");
  CHECK(bench.summary.retried == 1);
  CHECK(bench.summary.failed() == 0);
}

TEST_CASE("only so many times, and after the others") {
  Bench bench;
  bench.options.retries = 2;
  bench.options.jobs = 1;
  Recorder recorder;
  bench.observer = &recorder;
  const auto trials = bench.run(bench.plan({{{"do", "signal"}, {"signal", SIGSEGV}}, {{"do", "succeed"}}}));
  CHECK(recorder.started == std::vector<std::string>{"t1", "t2", "t1", "t1"});
  CHECK(trials[0].reason == Reason::signal);
  CHECK(trials[0].attempts == 3);
  CHECK(bench.summary.count(Reason::signal) == 1);
  CHECK(bench.summary.retried == 2);
}

TEST_CASE("what would only fail again is not retried") {
  Bench bench;
  bench.options.retries = 3;
  bench.options.time_limit_s = 0.5;
  const auto trials = bench.run(bench.plan(
      {{{"do", "exit"}}, {{"do", "error"}}, {{"do", "diverge"}}, {{"do", "hang"}}, {{"do", "garbage"}}}));
  for (const auto& trial : trials) {
    INFO(trial.name);
    CHECK(trial.attempts == 1);
  }
  CHECK(trials[3].reason == Reason::timeout);
}

TEST_CASE("a trial that ran out of memory beside others is tried again alone") {
  Bench bench;
  bench.options.retries = 1;
  bench.options.jobs = 3;
  std::int64_t kills = 0;
  Recorder recorder;
  bench.observer = &recorder;
  bench.options.oom = OomWatch([&] { return kills; });
  // The kernel counts one kill while the first runs.
  recorder.when_running = [&] { kills = 1; };
  const auto trials = bench.run(bench.plan(
      {{{"do", "train"}, {"rounds", 30}, {"round_ms", 20}, {"kill_at", 20}, {"checkpoint_every", 1}},
       {{"do", "train"}, {"rounds", 40}, {"round_ms", 20}},
       {{"do", "train"}, {"rounds", 40}, {"round_ms", 20}}}));
  CHECK(bench.sql("SELECT group_concat(reason) FROM attempts WHERE name = 't1'") == "oom,ok");
  CHECK(recorder.running_at_start.back() == 1);
  CHECK(trials[0].reason == Reason::ok);
  CHECK_THAT(bench.sql("SELECT message FROM events WHERE type = 'retry'"),
             Contains("nothing will run beside"));
}

TEST_CASE("out of memory is retried only where there is hope") {
  db::AttemptEnd end;
  Evidence evidence;
  end.reason = Reason::oom;
  CHECK(worth_retrying(end, evidence, true));
  CHECK_FALSE(worth_retrying(end, evidence, false));  // it had the machine for itself
  evidence.data_limit_bytes = 1 << 20;
  CHECK_FALSE(worth_retrying(end, evidence, true));  // its own limit will be there again
  evidence.out_of_memory = true;
  CHECK(worth_retrying(end, evidence, true));  // the kernel did it
}

TEST_CASE("a worker that says it is out of memory ended so, and its limit is named") {
  Evidence evidence;
  evidence.finished =
      Finished{Reason::error, "/losses/0: DefaultCPUAllocator: can't allocate memory: you tried", 3};
  CHECK(judge(evidence).reason == Reason::oom);
  CHECK_THAT(judge(evidence).message, Contains("Lower --jobs") && Contains("you tried"));
  evidence.data_limit_bytes = std::uint64_t{300} << 20;
  CHECK_THAT(judge(evidence).message, Contains("more than 300 MB (limits.memory_mb)"));
  evidence.finished.reset();
  evidence.process.signal = SIGABRT;
  CHECK(judge(evidence).reason == Reason::signal);
  evidence.output_tail = "terminate called after throwing an instance of 'std::bad_alloc'";
  CHECK(judge(evidence).reason == Reason::oom);
}

TEST_CASE("a worker over its memory limit is oom, forked or not, and others are not touched") {
  Bench bench;
  bench.options.data_limit_bytes = std::uint64_t{200} << 20;
  bench.options.retries = 1;
  SECTION("forked") {}
  SECTION("cold") { bench.options.cold = true; }
  const auto trials =
      bench.run(bench.plan({{{"do", "allocate"}, {"mb", 400}}, {{"do", "allocate"}, {"mb", 50}}}));
  INFO(trials[0].message);
  CHECK(trials[0].reason == Reason::oom);
  CHECK(trials[0].attempts == 1);
  CHECK_THAT(trials[0].message, Contains("needed more than 200 MB (limits.memory_mb)"));
  CHECK(trials[1].reason == Reason::ok);
}

TEST_CASE("failures are the same when only numbers and names differ") {
  const auto way = [](const db::AttemptEnd& end, const char* trial) { return way_of_failing(end, trial); };
  CHECK(way(failed("no file /data/t1/x in 0.4 s"), "t1") ==
        way(failed("no file /data/t27/x in 12.9 s"), "t27"));
  CHECK(way(failed("left; it printed last:\nfirst\nno data"), "t1") ==
        way(failed("left; it printed last:\nother\nno data"), "t2"));
  CHECK(way(failed("no file"), "t1") != way(failed("no room"), "t1"));
  CHECK(way(failed("no file"), "t1") != way(failed("no file", 2), "t1"));
  db::AttemptEnd crash;
  crash.reason = Reason::signal;
  crash.signal = SIGSEGV;
  db::AttemptEnd other = crash;
  other.message = "it printed something else";
  CHECK(way(crash, "t1") == way(other, "t2"));
  other.signal = SIGABRT;
  CHECK(way(crash, "t1") != way(other, "t2"));
}

TEST_CASE("only failures in the same way end a run early") {
  Bench bench;
  bench.options.jobs = 1;
  bench.options.stop_after_failures = 2;
  Recorder recorder;
  bench.observer = &recorder;
  bench.run(bench.plan({{{"do", "exit"}}, {{"do", "error"}}, {{"do", "exit"}}, {{"do", "exit"}}}));
  CHECK(recorder.ended.size() == 4);
  CHECK_FALSE(bench.summary.gave_up);
}

TEST_CASE("another terminal cancels a running trial and one that waits, and nothing else") {
  Bench bench;
  bench.options.jobs = 2;
  bench.options.requests = bench.folder / "requests";
  const auto stale = post_request(bench.options.requests, {2});
  Recorder recorder;
  bench.observer = &recorder;
  const auto experiment = bench.plan({{{"do", "train"}, {"rounds", 300}, {"round_ms", 20}},
                                      {{"do", "train"}, {"rounds", 40}, {"round_ms", 20}},
                                      {{"do", "succeed"}},
                                      {{"do", "succeed"}}});
  std::string request;
  recorder.tick = [&] {
    for (const char* name : {"t1", "t2"})
      if (!std::filesystem::exists(bench.runs / name / "attempt-1" / "worker.pid")) return false;
    request = post_request(bench.options.requests, {1, 3});
    return true;
  };
  const auto trials = bench.run(experiment);
  CHECK(trials[0].reason == Reason::cancelled);
  CHECK(trials[1].reason == Reason::ok);  // an old request is not for this run
  CHECK(trials[2].state == db::TrialState::planned);
  CHECK(trials[3].reason == Reason::ok);
  CHECK(bench.summary.not_started == 1);
  CHECK_FALSE(bench.summary.interrupted);
  CHECK(bench.sql("SELECT data ->> '$.request' FROM events WHERE type = 'cancel'") == request);
  CHECK_FALSE(withdraw_request(bench.options.requests, request));
  CHECK_FALSE(withdraw_request(bench.options.requests, stale));
  CHECK(bench.sql("SELECT count(*) FROM artifacts WHERE kind = 'checkpoint'") == "1");
}

TEST_CASE("what is no request is no reason to stop") {
  Bench bench;
  std::filesystem::create_directories(bench.folder / "requests");
  Mailbox mailbox(bench.folder / "requests");
  std::ofstream(bench.folder / "requests" / "a.json") << "{\"cancel\": [1";
  std::ofstream(bench.folder / "requests" / "b.json") << "{\"cancel\": \"all\"}";
  std::ofstream(bench.folder / "requests" / "notes.txt") << "mine";
  CHECK(mailbox.take().empty());
  CHECK(std::filesystem::exists(bench.folder / "requests" / "notes.txt"));
}
