#include <schedule/scheduler.hpp>

#include <signal.h>

#include <catch2/catch.hpp>

#include <common/error.hpp>
#include <db/process.hpp>

#include "fixture.hpp"

using namespace saddle;
using namespace saddle::schedule;
using Catch::Matchers::Contains;
using db::Reason;

TEST_CASE("every way to end is told apart, and the others go on") {
  Bench bench;
  const auto experiment = bench.plan({{{"do", "succeed"}},
                                      {{"do", "signal"}, {"signal", SIGSEGV}},
                                      {{"do", "exit"}},
                                      {{"do", "diverge"}},
                                      {{"do", "error"}},
                                      {{"do", "signal"}, {"signal", SIGKILL}},
                                      {{"do", "leave_without_a_word"}},
                                      {{"do", "garbage"}},
                                      {{"do", "unknown_key"}},
                                      {{"do", "nan"}},
                                      {{"do", "signal"}, {"signal", SIGTERM}},
                                      {{"do", "succeed"}}});
  const auto trials = bench.run(experiment);
  REQUIRE(trials.size() == 12);
  const auto expect = [&](std::size_t i, Reason reason, db::TrialState state, const std::string& message) {
    INFO(trials[i].name << ": " << trials[i].message);
    REQUIRE(trials[i].reason.has_value());
    CHECK(db::to_string(*trials[i].reason) == db::to_string(reason));
    CHECK(db::to_string(trials[i].state) == db::to_string(state));
    CHECK_THAT(trials[i].message, Contains(message));
  };
  using State = db::TrialState;
  expect(0, Reason::ok, State::done, "");
  expect(1, Reason::signal, State::failed, "signal 11 (SIGSEGV); it printed last:\nabout to crash");
  expect(2, Reason::error, State::failed,
         "exit code 1 without a result; it printed last:\nfirst words on stdout\ncannot");
  expect(3, Reason::diverged, State::done, "generator/total is nan");
  expect(4, Reason::error, State::failed, "the loss threw: no");
  expect(5, Reason::signal, State::failed, "signal 9 (SIGKILL)");
  expect(6, Reason::error, State::failed, "exit code 0 without a result; it printed nothing");
  expect(7, Reason::error, State::failed, "cannot be understood: the worker announced a frame");
  expect(8, Reason::error, State::failed, "metric key 99 was never declared");
  expect(9, Reason::ok, State::done, "");
  expect(10, Reason::signal, State::failed, "signal 15 (SIGTERM)");
  expect(11, Reason::ok, State::done, "");
  CHECK(trials[0].last_step == 5);
  CHECK(bench.summary.count(Reason::ok) == 3);
  CHECK(bench.summary.failed() == 8);
  CHECK(bench.summary.not_started == 0);
  CHECK(bench.sql("SELECT count(*) FROM metrics m JOIN trials t USING (trial) WHERE t.name = 't2'") == "1");
  CHECK(bench.sql("SELECT signal FROM attempts WHERE name = 't2'") == "11");
  CHECK(bench.sql("SELECT exit_code FROM attempts WHERE name = 't3'") == "1");
}

TEST_CASE("all that a worker tells is in the database") {
  Bench bench;
  const auto trials = bench.run(bench.plan({{{"do", "succeed"}, {"rounds", 50}, {"threads", 2}}}));
  CHECK(bench.sql("SELECT count(*) FROM metrics WHERE metric = 'generator/total'") == "50");
  CHECK(bench.sql("SELECT value FROM metrics WHERE step = 4") == "0.25");
  CHECK(bench.sql("SELECT threads FROM attempts") == "2");  // as OMP_NUM_THREADS told the worker
  CHECK(bench.sql("SELECT libtorch FROM attempts") == "0.0.0");
  CHECK(bench.sql("SELECT component || version || file FROM plugins_used") == "loss/fake1/fake.so");
  CHECK(bench.sql("SELECT count(*) FROM artifacts WHERE kind = 'samples' AND step = 50") == "1");
  CHECK(bench.sql("SELECT data ->> '$.parameters.generator' FROM events WHERE type = 'started'") == "10");
  CHECK(std::filesystem::exists(bench.runs / "t1" / "attempt-1" / "samples-end.png"));
  const Json trial = Json::parse(text_of(bench.runs / "t1" / "attempt-1" / "trial.json"));
  CHECK(trial.at("config").at("fake").at("rounds") == 50);
}

TEST_CASE("how far a component has come is shown, not kept; one that gives up is cancelled") {
  Bench bench;
  Recorder recorder;
  bench.observer = &recorder;
  const auto trials = bench.run(bench.plan({{{"do", "give_up"}}}));
  CHECK(recorder.activities == std::vector<std::string>{"files: reading 3/10"});
  CHECK(bench.sql("select count(*) from events where type = 'progress'") == "0");
  CHECK(trials.at(0).reason == Reason::cancelled);
  CHECK(trials.at(0).message == "stopped at step 0: dataset 'files': enough");
}

TEST_CASE("non-finite values are kept as what they are") {
  Bench bench;
  bench.run(bench.plan({{{"do", "nan"}}}));
  CHECK(bench.sql("SELECT group_concat(kind) FROM (SELECT kind FROM metrics ORDER BY step)") == "1,2,3");
}

TEST_CASE("megabytes of output go to the attempt's file") {
  Bench bench;
  const auto trials = bench.run(bench.plan({{{"do", "babble"}}}));
  CHECK(trials[0].reason == Reason::ok);
  CHECK(std::filesystem::file_size(bench.runs / "t1" / "attempt-1" / "output.log") == 4096 * 1024);
}

TEST_CASE("a million metric rows arrive complete") {
  Bench bench;
  const auto trials = bench.run(bench.plan({{{"do", "flood"}, {"rows", 1000000}, {"keys", 8}}}));
  CHECK(trials[0].reason == Reason::ok);
  CHECK(bench.sql("SELECT count(*) FROM metrics") == "1000000");
  CHECK(bench.sql("SELECT sum(value) = 499999500000.0 FROM metrics") == "1");
}

TEST_CASE("a trial past its time limit is asked to stop, then killed") {
  Bench bench;
  bench.options.time_limit_s = 1;  // long enough that the first is ready to hear the signal
  bench.options.grace = std::chrono::milliseconds(2000);
  const auto trials = bench.run(bench.plan({{{"do", "hang"}}, {{"do", "ignore_sigterm"}}}));
  CHECK(trials[0].reason == Reason::timeout);
  CHECK(trials[0].message == "stopped after 1 s (limits.time_s)");
  CHECK(bench.sql("SELECT exit_code FROM attempts WHERE name = 't1'") == "0");  // it left by itself
  CHECK(bench.sql("SELECT count(*) FROM artifacts WHERE kind = 'checkpoint'") == "1");
  CHECK(trials[1].reason == Reason::timeout);
  CHECK_THAT(trials[1].message, Contains("did not react"));
  CHECK(bench.sql("SELECT signal FROM attempts WHERE name = 't2'") == "9");
}

TEST_CASE("a SIGKILL that the kernel counted is out of memory") {
  Bench bench;
  std::int64_t calls = 0;
  bench.options.oom = OomWatch([&calls] { return calls++; });  // rises after the start
  const auto trials = bench.run(bench.plan({{{"do", "signal"}, {"signal", SIGKILL}}}));
  CHECK(trials[0].reason == Reason::oom);
  CHECK(trials[0].state == db::TrialState::failed);
}

TEST_CASE("no more trials run at a time than asked for, or than their threads leave cores for") {
  Bench bench;
  Recorder recorder;
  bench.observer = &recorder;
  SECTION("--jobs") {
    bench.options.jobs = 3;
    bench.run(bench.plan(std::vector<Json>(7, {{"rounds", 3}, {"round_ms", 50}})));
    CHECK(recorder.most_running == 3);
  }
  SECTION("threads") {
    bench.options.jobs = 0;
    bench.run(bench.plan(std::vector<Json>(3, {{"rounds", 3}, {"round_ms", 20}, {"threads", 1000}})));
    CHECK(recorder.most_running == 1);
  }
  CHECK(recorder.started.size() == recorder.ended.size());
  CHECK(bench.summary.count(Reason::ok) == static_cast<int>(recorder.started.size()));
}

TEST_CASE("when the first trials all fail the rest is not tried") {
  Bench bench;
  bench.options.jobs = 1;
  bench.options.stop_after_failures = 2;
  Recorder recorder;
  bench.observer = &recorder;
  SECTION("all fail") {
    bench.run(bench.plan(std::vector<Json>(5, {{"do", "exit"}})));
    CHECK(recorder.ended.size() == 2);
    CHECK(bench.summary.gave_up);
    CHECK(bench.summary.not_started == 3);
  }
  SECTION("one did not") {
    bench.run(bench.plan({{{"do", "succeed"}}, {{"do", "exit"}}, {{"do", "exit"}}, {{"do", "exit"}}}));
    CHECK(recorder.ended.size() == 4);
    CHECK_FALSE(bench.summary.gave_up);
  }
}

TEST_CASE("a worker that cannot be started ends the run and leaves nothing running") {
  Bench bench;
  bench.options.worker = bench.folder / "no-such-worker";
  const auto experiment = bench.plan({{{"do", "succeed"}}, {{"do", "succeed"}}});
  try {
    bench.run(experiment);
    FAIL("must throw");
  } catch (const Error& e) {
    CHECK(e.exit_code == kEnvironment);
    CHECK_THAT(e.what(), Contains("no-such-worker"));
  }
  const auto trials = bench.store().trials(experiment);
  CHECK(trials[0].state == db::TrialState::failed);
  CHECK(trials[1].state == db::TrialState::planned);
}

TEST_CASE("children of a worker go with it") {
  Bench bench;
  bench.run(bench.plan({{{"do", "leave_a_child"}}}));
  const std::int64_t pid = std::stoll(text_of(bench.runs / "t1" / "attempt-1" / "child.pid"));
  CHECK(eventually([&] { return db::identify_process(pid).start_time == -1; }));
}

TEST_CASE("an older folder of the same name is left alone") {
  Bench bench;
  std::filesystem::create_directories(bench.runs / "t1" / "attempt-1");
  const auto trials = bench.run(bench.plan({{{"do", "succeed"}}}));
  CHECK(trials[0].reason == Reason::ok);
  CHECK(std::filesystem::is_empty(bench.runs / "t1" / "attempt-1"));
  CHECK(std::filesystem::exists(bench.runs / "t1" / "attempt-1.2" / "trial.json"));
}
