#include <sys/wait.h>

#include "db/migrate.hpp"
#include "fixture.hpp"

using namespace saddle::db;
using namespace saddle::db::test;

TEST_CASE("an attempt's life is in the views") {
  const Folder folder;
  Store store(folder / "a.db");
  const std::int64_t trial = one_trial(store);
  const Attempt attempt = store.begin_attempt(trial);
  CHECK(attempt.number == 1);
  CHECK(store.trials(1)[0].state == TrialState::running);
  CHECK(store.trials_to_run(1).empty());
  expect_error(ErrorKind::usage, "running", [&] { store.begin_attempt(trial); });

  store.attempt_spawned(attempt.id, getpid(), "/runs/attempt-1");
  store.attempt_started(attempt.id, {.libtorch = "2.11.0",
                                     .isa = "avx2",
                                     .device = "cpu",
                                     .threads = 2,
                                     .resumed_from_step = -1,
                                     .plugins = {{"loss", "hinge", "1", "/p/hinge.so", "ab"},
                                                 {"model", "mlp", "1", "/p/mlp.so", "cd"}}});
  store.append_metrics(attempt.id, {{store.metric_key("a"), 3, 0.5}, {store.metric_key("b"), 5, 0.5}});
  store.flush();
  {
    Reader reader(folder / "a.db");
    CHECK(count(reader, "SELECT last_step FROM trials WHERE state = 'running'") == 5);
  }
  store.add_artifact(attempt.id, {"samples", "samples", 10, "samples-10.png", "ee", 100, "image/png"});
  store.add_artifact(attempt.id, {"samples", "samples", 20, "samples-10.png", "ff", 200, "image/png"});
  store.add_event({.type = "warning", .message = "w", .trial = trial, .attempt = attempt.id});
  store.finish_attempt(attempt.id,
                       {.reason = Reason::error, .exit_code = 1, .message = "boom", .last_step = 7});
  expect_error(ErrorKind::usage, "ended", [&] { store.finish_attempt(attempt.id, {}); });
  store.close();

  Reader reader(folder / "a.db");
  CHECK(count(reader,
              "SELECT count(*) FROM trials WHERE state = 'failed' AND reason = 'error' AND message = 'boom'"
              " AND last_step = 7 AND threads = 2 AND libtorch = '2.11.0' AND exit_code = 1 AND attempts = 1"
              " AND seconds >= 0 AND started <= ended AND folder = '/runs/attempt-1'") == 1);
  CHECK(count(reader, "SELECT count(*) FROM plugins_used WHERE component = 'loss/hinge' AND sha256 = 'ab'") ==
        1);
  CHECK(count(reader, "SELECT count(*) FROM plugins_used") == 2);
  CHECK(count(reader, "SELECT count(*) FROM artifacts") == 1);
  CHECK(
      count(reader,
            "SELECT count(*) FROM artifacts WHERE path = '/runs/attempt-1/samples-10.png' AND bytes = 200") ==
      1);
  CHECK(count(reader, "SELECT count(*) FROM events WHERE type = 'warning' AND trial_name = '0001-aaaa-s1'") ==
        1);
}

TEST_CASE("each reason leaves the trial in its state") {
  const Folder folder;
  Store store(folder / "a.db");
  const std::int64_t id = experiment(store);
  const std::vector<std::pair<Reason, TrialState>> expected{
      {Reason::ok, TrialState::done},           {Reason::pruned, TrialState::pruned},
      {Reason::paused, TrialState::paused},     {Reason::diverged, TrialState::done},
      {Reason::error, TrialState::failed},      {Reason::signal, TrialState::failed},
      {Reason::oom, TrialState::failed},        {Reason::timeout, TrialState::failed},
      {Reason::cancelled, TrialState::stopped}, {Reason::lost, TrialState::stopped}};
  for (const auto& [reason, state] : expected) {
    const std::string name(to_string(reason));
    CHECK(reason_from(name) == reason);
    store.freeze_plan(id, {planned(static_cast<int>(reason), name, 1)});
    const std::int64_t trial = store.trials(id).back().id;
    const Attempt attempt = store.begin_attempt(trial);
    store.finish_attempt(attempt.id, {.reason = reason});
    const TrialInfo after = store.trials(id).back();
    INFO(name);
    CHECK(after.state == state);
    CHECK(after.reason == reason);
    // What has a result cannot be claimed again, everything else can.
    if (state == TrialState::done)
      CHECK_THROWS_AS(store.begin_attempt(trial), Error);
    else
      CHECK(store.begin_attempt(trial).number == 2);
  }
}

TEST_CASE("the tables themselves allow one result and one running attempt a trial") {
  const Folder folder;
  {
    Store store(folder / "a.db");
    const Attempt attempt = store.begin_attempt(one_trial(store));
    store.finish_attempt(attempt.id, {.reason = Reason::ok});
  }
  Connection connection(folder / "a.db", SQLITE_OPEN_READWRITE);
  const auto insert = [&](int number, const std::string& reason) {
    connection.execute(
        "INSERT INTO attempt (trial_id, number, pid, boot_id, proc_start, host, folder, started_ms, reason)"
        " VALUES (1, " +
        std::to_string(number) + ", 1, '', 1, '', '', 0, " + reason + ")");
  };
  CHECK_THROWS_AS(insert(2, "'diverged'"), Error);
  CHECK_THROWS_AS(insert(2, "'no such reason'"), Error);
  CHECK_NOTHROW(insert(2, "'error'"));
  CHECK_NOTHROW(insert(3, "NULL"));
  CHECK_THROWS_AS(insert(4, "NULL"), Error);
}

TEST_CASE("an attempt of a process that is gone becomes lost, one that lives does not") {
  const Folder folder;
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    pause();
    _exit(0);
  }
  {
    Store store(folder / "a.db");
    const std::int64_t id = experiment(store);
    store.freeze_plan(id, {planned(1, "aaaa", 1), planned(2, "bbbb", 1)});
    const Attempt gone = store.begin_attempt(1);
    store.append_metrics(gone.id, {{store.metric_key("loss"), 30, 1.0}});
    store.attempt_spawned(gone.id, child, "");
    store.attempt_spawned(store.begin_attempt(2).id, getpid(), "");
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);

  Store store(folder / "a.db", {.orphan_wait = std::chrono::milliseconds(0)});
  const auto trials = store.trials(1);
  CHECK(trials[0].state == TrialState::stopped);
  CHECK(trials[0].reason == Reason::lost);
  CHECK(trials[0].last_step == 30);
  CHECK(trials[1].state == TrialState::running);
  const auto left = store.trials_to_run(1);
  REQUIRE(left.size() == 1);
  CHECK(left[0].id == 1);
}

TEST_CASE("a pid of another boot or start time is another process") {
  const ProcessId self = this_process();
  CHECK(is_alive(self));
  CHECK_FALSE(is_alive({self.pid, self.boot_id, self.start_time + 1}));
  CHECK_FALSE(is_alive({self.pid, "another boot", self.start_time}));
  const pid_t child = fork();
  if (child == 0) _exit(0);
  const ProcessId living = identify_process(child);
  siginfo_t info;
  waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
  CHECK(identify_process(child).start_time == -1);  // a zombie
  waitpid(child, nullptr, 0);
  CHECK_FALSE(is_alive({child, living.boot_id, living.start_time}));
}

TEST_CASE("checkpoints that lie beyond what later attempts kept are not offered") {
  const Folder folder;
  Store store(folder / "a.db");
  const std::int64_t trial = one_trial(store);
  const auto checkpoint = [&](std::int64_t attempt, std::int64_t step) {
    store.add_artifact(attempt, {"checkpoint", "checkpoint", step, "c" + std::to_string(step),
                                 "sha" + std::to_string(step), 1, ""});
  };
  const Attempt first = store.begin_attempt(trial, {.folder = "/f1"});
  checkpoint(first.id, 100);
  checkpoint(first.id, 200);
  store.finish_attempt(first.id, {.reason = Reason::signal});
  REQUIRE(store.checkpoints(trial).size() == 2);
  CHECK(store.checkpoints(trial)[0].path == "/f1/c200");
  CHECK(store.checkpoints(trial)[0].sha256 == "sha200");

  // The second attempt went on from 100: 200 of the first is of another history.
  const Attempt second = store.begin_attempt(trial, {.start_step = 200, .folder = "/f2"});
  store.attempt_started(second.id, {.resumed_from_step = 100});
  checkpoint(second.id, 150);
  store.finish_attempt(second.id, {.reason = Reason::signal});
  const auto usable = store.checkpoints(trial);
  REQUIRE(usable.size() == 2);
  CHECK(usable[0].path == "/f2/c150");
  CHECK(usable[1].path == "/f1/c100");
}
