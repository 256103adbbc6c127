// Pruning at work, with the fake worker: what runs, stops, goes on, and what the
// database says of it.
#include <schedule/prune.hpp>

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <thread>

#include <db/process.hpp>

#include "place.hpp"

using namespace saddle;
using namespace saddle::schedule;
using Catch::Matchers::Contains;

TEST_CASE("the worse half is pruned while it runs, and says why") {
  Bench bench;
  bench.options.jobs = 1;
  bench.options.retries = 1;
  MedianPruner pruner({"level", false, 1, {}}, {20, 2, 1});
  bench.options.pruner = &pruner;
  std::vector<Json> fakes;
  for (const double level : {1.0, 2.0, 9.0})
    fakes.push_back(
        {{"do", "train"}, {"rounds", 60}, {"round_ms", 5}, {"level", level}, {"level_every", 10}});
  const auto trials = bench.run(bench.plan(fakes));
  CHECK(trials[0].reason == db::Reason::ok);
  CHECK(trials[1].reason == db::Reason::ok);
  CHECK(trials[2].reason == db::Reason::pruned);
  CHECK(trials[2].state == db::TrialState::pruned);
  CHECK(trials[2].last_step < 60);
  CHECK(trials[2].message == "level 9 at step 20 is worse than 1.5, the median of 2 other trials there");
  CHECK(
      bench.sql(
          "SELECT message = (SELECT message FROM attempts WHERE reason = 'pruned') FROM events WHERE type = "
          "'prune'") == "1");
  CHECK(bench.sql("SELECT data FROM events WHERE type = 'prune' AND attempt = 1") ==
        R"({"compared":2,"metric":"level","step":20,"threshold":1.5,"value":9.0})");
  // It keeps what it has measured.
  CHECK(bench.sql("SELECT last FROM finals WHERE metric = 'level' AND name = 't3'") == "9.0");
  CHECK(bench.summary.count(db::Reason::pruned) == 1);
}

TEST_CASE("a metric that nobody measures prunes nothing, and that is said") {
  Bench bench;
  Recorder recorder;
  bench.observer = &recorder;
  MedianPruner pruner({"levle", false, 1, {}}, {0, 1, 1});
  bench.options.pruner = &pruner;
  bench.run(bench.plan(std::vector<Json>(3, {{"do", "train"}, {"rounds", 3}, {"level_every", 1}})));
  REQUIRE(recorder.warnings.size() == 1);
  CHECK_THAT(recorder.warnings[0], Contains("no \"levle\""));
}

namespace {

std::vector<Json> nine(int round_ms) {
  std::vector<Json> fakes;
  for (const int level : {5, 3, 8, 1, 9, 2, 7, 4, 6})
    fakes.push_back({{"do", "train"},
                     {"rounds", 90},
                     {"round_ms", round_ms},
                     {"checkpoint_every", 45},
                     {"level", level},
                     {"level_every", 10}});
  return fakes;
}

}  // namespace

TEST_CASE("successive halving pauses trials and goes on with the best from their checkpoints") {
  Bench bench;
  const auto experiment = bench.plan(nine(1));
  for (auto& job : bench.jobs(experiment)) CHECK(job.rounds == 90);
  Recorder recorder;
  bench.observer = &recorder;
  AshaPruner pruner({"level", false, 1, {}}, {10, 3, 1});
  bench.options.pruner = &pruner;
  const auto trials = bench.run(experiment);

  std::vector<std::string> ok;
  for (const auto& trial : trials) {
    CHECK(trial.state == (trial.reason == db::Reason::ok ? db::TrialState::done : db::TrialState::pruned));
    if (trial.reason == db::Reason::ok) ok.push_back(trial.name);
  }
  // Levels 1, 2 and 3 are the best third; with two workers some others were, for a while.
  CHECK(std::find(ok.begin(), ok.end(), "t4") != ok.end());
  CHECK(ok.size() < 9);
  CHECK(trials[4].reason == db::Reason::pruned);  // the worst
  CHECK_THAT(trials[4].message, Contains("is number 9 of 9 at rung 0 (step 10), of which the best 3 go on"));
  CHECK(bench.summary.count(db::Reason::ok) == static_cast<int>(ok.size()));
  CHECK(bench.summary.count(db::Reason::pruned) == 9 - static_cast<int>(ok.size()));
  CHECK(bench.sql("SELECT count(*) FROM events WHERE type = 'promote'") != "0");
  CHECK(bench.sql("SELECT count(DISTINCT trial) FROM events WHERE type = 'prune'") ==
        std::to_string(9 - ok.size()));
  // Whatever pauses there were, the finished ones have all their rows once.
  CHECK(
      bench.sql(
          "SELECT min(n) || ' ' || max(n) FROM (SELECT count(*) AS n FROM metrics JOIN trials USING (trial) "
          "WHERE reason = 'ok' AND metric = 'generator/total' GROUP BY trial)") == "90 90");
}

TEST_CASE("what is not a number is pruned, and where more is better, what is less") {
  Bench bench;
  bench.options.jobs = 1;
  MedianPruner pruner({"level", true, 1, {}}, {10, 2, 2});
  bench.options.pruner = &pruner;
  const auto with_levels = [](const char* levels) {
    return Json{{"do", "train"},
                {"rounds", 50},
                {"round_ms", 3},
                {"levels", Json::parse(levels)},
                {"level_every", 10}};
  };
  const auto trials = bench.run(bench.plan(
      {with_levels("[1, 2, 3, 4, 5]"), with_levels("[1, 3, 4, 6, 7]"), with_levels("[1, 1, 1, 1, 1]"),
       with_levels("[2, null, null, 9, 9]"), with_levels("[9, 1, 9, 1, 9]")}));
  CHECK(trials[0].reason == db::Reason::ok);
  CHECK(trials[1].reason == db::Reason::ok);
  CHECK(trials[2].reason == db::Reason::pruned);
  CHECK_THAT(trials[2].message, Contains("level 1 at step 30 is worse than 3.5, the median of 2"));
  CHECK(trials[3].reason == db::Reason::pruned);
  CHECK_THAT(trials[3].message, Contains("level (not finite) at step 30") && Contains("2 times in a row"));
  CHECK(trials[4].reason == db::Reason::ok);  // never twice in a row
}

TEST_CASE("numbers of two protocols are not compared") {
  Bench bench;
  bench.options.jobs = 1;
  Recorder recorder;
  bench.observer = &recorder;
  MedianPruner pruner({"level", false, 1, {}}, {0, 1, 1});
  bench.options.pruner = &pruner;
  const auto fake = [](double level, const char* features) {
    return Json{{"do", "train"},  {"rounds", 20},     {"round_ms", 3},
                {"level", level}, {"level_every", 5}, {"features", features}};
  };
  const auto trials = bench.run(bench.plan({fake(1, "fake"), fake(9, "others"), fake(9, "fake")}));
  CHECK(trials[1].reason == db::Reason::ok);
  CHECK(trials[2].reason == db::Reason::pruned);
  REQUIRE(recorder.warnings.size() == 1);
  CHECK_THAT(recorder.warnings[0], Contains("under another protocol"));
}

namespace {

// What was decided about nine trials with one slot, where everything is determined.
std::string halved(bool cold) {
  Bench bench;
  bench.options.jobs = 1;
  bench.options.cold = cold;
  AshaPruner pruner({"level", false, 1, {}}, {10, 3, 1});
  bench.options.pruner = &pruner;
  bench.run(bench.plan(nine(5)));
  return bench.sql(
      "SELECT group_concat(type || ' ' || trial_name || ' ' || (data ->> '$.rung'), ', ') FROM (SELECT * "
      "FROM "
      "events WHERE type IN ('pause', 'promote', 'prune') ORDER BY event)");
}

}  // namespace

TEST_CASE("successive halving with one slot is the algorithm on paper, whatever starts the workers") {
  // Levels 5 3 8 1 9 2 7 4 6 at rungs 10, 30, 90. Of 5, 3, 8 the best goes on and waits at rung 1 alone. 1 is
  // the best of four, and 2 of the best two of six: both go on without a stop. Of 3, 1, 2 the best is 1.
  const std::string expected =
      "pause t1 0, pause t2 0, promote t2 0, pause t3 0, pause t2 1, promote t4 0, pause t4 1, pause t5 0, "
      "promote t6 0, promote t4 1, pause t6 1, pause t7 0, pause t8 0, pause t9 0, "
      "prune t1 0, prune t2 1, prune t3 0, prune t5 0, prune t6 1, prune t7 0, prune t8 0, prune t9 0";
  CHECK(halved(false) == expected);
  CHECK(halved(true) == expected);
}

TEST_CASE("of too few for a rung the best is trained to its end all the same") {
  Bench bench;
  auto fakes = nine(1);
  fakes.resize(5);
  AshaPruner pruner({"level", false, 1, {}}, {10, 3, 1});
  bench.options.pruner = &pruner;
  const auto trials = bench.run(bench.plan(fakes));
  CHECK(bench.summary.count(db::Reason::ok) == 1);
  CHECK(bench.summary.count(db::Reason::pruned) == 4);
  const auto ended =
      std::find_if(trials.begin(), trials.end(), [](const auto& t) { return t.reason == db::Reason::ok; });
  CHECK(ended->last_step == 90);
  CHECK(bench.sql(
            "SELECT count(*) FROM events WHERE type = 'promote' AND message LIKE '%trained to its end'") !=
        "0");
}

namespace {

// The same through the program: a grid over levels.
struct Grid : Place {
  explicit Grid(const Json& prune, int round_ms = 1) {
    Json more = {{"train", {{"rounds", 90}}}};
    if (!prune.is_null()) more["prune"] = prune;
    grid({{"do", "train"},
          {"rounds", 90},
          {"round_ms", round_ms},
          {"checkpoint_every", 15},
          {"level_every", 10}},
         {{"dataset.level", {{"values", {5, 3, 8, 1, 9, 2, 7, 4, 6}}}}}, more);
  }
  // What is there when all is over; of the trials that were trained to the end, all they have measured.
  std::string table() {
    return sql(
        "SELECT group_concat(name || ' ' || state || ' ' || measured, char(10)) FROM (SELECT t.name, "
        "t.state, "
        "CASE t.state WHEN 'done' THEN (SELECT count(*) || ' ' || sum(m.step * m.value) FROM metrics m WHERE "
        "m.trial = t.trial) ELSE '' END AS measured FROM trials t ORDER BY t.name)");
  }
  std::string decisions() {
    return sql(
        "SELECT group_concat(type || ' ' || trial_name || ' ' || message, char(10)) FROM (SELECT DISTINCT "
        "type, "
        "trial_name, message FROM events WHERE type IN ('prune', 'promote') ORDER BY trial_name, type, "
        "message)");
  }
};

const Json kAsha = {{"use", "asha"}, {"metric", "level"}, {"warmup", 10}, {"eta", 3}};
const Json kMedian = {
    {"use", "median"}, {"metric", "level"}, {"warmup", 20}, {"min_trials", 2}, {"patience", 2}};

}  // namespace

TEST_CASE("killed again and again, a pruned grid ends as one that was left alone") {
  for (const Json& rule : {kAsha, kMedian}) {
    INFO(rule.dump());
    Grid alone(rule, 3);
    REQUIRE(alone.saddle({"run", alone.file(), "--jobs", "1"}).exit_code == 0);
    REQUIRE_THAT(alone.table(), Contains("pruned"));

    Grid killed(rule, 3);
    std::mt19937 random(17);
    std::uniform_int_distribution<int> instant_ms(20, 450);
    for (int i = 0; i < 10; ++i) {
      auto run = killed.start(i % 3 == 2 ? std::vector<std::string>{"resume", "--jobs", "1"}
                                         : std::vector<std::string>{"run", killed.file(), "--jobs", "1"});
      std::this_thread::sleep_for(std::chrono::milliseconds(instant_ms(random)));
      ::kill(run.pid(), SIGKILL);
      run.wait();
    }
    const ChildResult last = killed.saddle({"run", killed.file(), "--jobs", "1"});
    INFO(last.out << last.err);
    CHECK(last.exit_code == 0);
    CHECK(killed.table() == alone.table());
    // Of the median others may have measured a little more before they stopped.
    if (rule == kAsha) CHECK(killed.decisions() == alone.decisions());
    CHECK(killed.sql("PRAGMA integrity_check") == "ok");
  }
}

TEST_CASE("a trial that was told to stop when the run was killed is pruned by the next one, and not run") {
  Place place;
  place.grid({{"do", "train"}, {"rounds", 400}, {"round_ms", 5}, {"level_every", 10}, {"deaf", true}},
             {{"both", {{"zip", {{"dataset.level", {1, 9}}, {"dataset.rounds", {20, 4000}}}}}}},
             {{"prune", {{"use", "median"}, {"metric", "level"}, {"min_trials", 1}}}});
  auto run = place.start({"run", place.file(), "--jobs", "1"});
  REQUIRE(eventually([&] {
    return std::filesystem::exists(place.database) &&
           place.count("sqlite_schema WHERE name = 'events'") == "1" &&
           place.count("events WHERE type = 'prune'") == "1";
  }));
  ::kill(run.pid(), SIGKILL);
  run.wait();
  const ChildResult next = place.saddle({"resume"});
  INFO(next.out << next.err);
  CHECK(next.exit_code == 0);
  CHECK_THAT(next.out, Contains("1 done and 1 pruned before and not run again, 0 to run"));
  CHECK(place.count("attempts") == "2");
  CHECK(place.sql("SELECT message FROM trials WHERE state = 'pruned'") ==
        "level 9 at step 10 is worse than 1, the median of 1 other trial there");
}

TEST_CASE("a pruned trial is over until somebody wants it: --no-prune goes on from its checkpoint") {
  Grid place(kMedian);
  const ChildResult first = place.saddle({"run", place.file(), "--jobs", "1"});
  INFO(first.out << first.err);
  CHECK(first.exit_code == 0);
  const std::string pruned = place.count("trials WHERE state = 'pruned'");
  REQUIRE(pruned != "0");
  CHECK_THAT(first.out, Contains(pruned + " pruned") && Contains("pruned    " + pruned + " of 9 trials") &&
                            Contains("resume g --no-prune"));
  for (const auto& words : {std::vector<std::string>{"run", place.file()}, {"resume"}}) {
    CHECK_THAT(place.saddle(words).out, Contains(pruned + " pruned before and not run again, 0 to run"));
  }
  CHECK(place.count("attempts") == "9");
  CHECK_THAT(place.saddle({"ls"}).out,
             Contains(" pruned ") && !Contains("pruned (") && Contains(pruned + " pruned"));
  CHECK_THAT(place.saddle({"ls", "--state", "pruned"}).out,
             Contains(pruned + " trials: " + pruned + " pruned"));
  CHECK_THAT(place.saddle({"status"}).out, Contains(pruned + " pruned") && !Contains("without a result"));
  // Ranked are those that were trained to the end; --pruned takes the others at their last value.
  const Json best = Json::parse(place.saddle({"best", "--metric", "level", "--json"}).out);
  const Json all = Json::parse(place.saddle({"best", "--metric", "level", "--pruned", "--json"}).out);
  int counted = 0, with_pruned = 0;
  for (const Json& config : best) counted += config["n"].get<int>();
  for (const Json& config : all) with_pruned += config["n"].get<int>();
  CHECK(counted == 9 - std::stoi(pruned));
  CHECK(with_pruned == 9);
  CHECK(all[0]["mean"] == 1);

  const ChildResult rest = place.saddle({"resume", "--no-prune"});
  INFO(rest.out << rest.err);
  CHECK(rest.exit_code == 0);
  CHECK_THAT(rest.out, Contains(pruned + " to run") && Contains("attempt 2, goes on from step"));
  CHECK(place.count("trials WHERE state = 'done'") == "9");
  CHECK(place.count("metrics WHERE metric = 'generator/total'") == "810");  // each round of each trial once
}

TEST_CASE("a grid without a rule finishes what another grid's rule has ended") {
  Grid place(kMedian);
  REQUIRE(place.saddle({"run", place.file(), "--jobs", "1"}).exit_code == 0);
  REQUIRE(place.count("trials WHERE state = 'pruned'") != "0");
  const ChildResult plain = place.saddle({"run", place.file(), "--set", "prune=null", "--set", "name=all"});
  INFO(plain.out << plain.err);
  CHECK(place.count("trials WHERE state = 'done'") == "9");
  CHECK_THAT(plain.out, Contains("goes on from step"));
}

TEST_CASE("what runs a part only ends no trial that others may yet be compared with") {
  Grid place(kAsha);
  const ChildResult part =
      place.saddle({"run", place.file(), "--jobs", "1", "--where", "dataset.level >= 7"});
  INFO(part.out << part.err);
  CHECK(part.exit_code == 0);
  CHECK(place.count("trials WHERE state = 'paused'") == "3");  // 8, 9, and 7, which was promoted to rung 1
  CHECK_THAT(part.out, Contains("3 paused") && Contains("resume g"));
  CHECK_THAT(place.saddle({"ls"}).out, Contains("3 paused"));
  CHECK_THAT(place.saddle({"status"}).out, Contains("3 paused"));

  const ChildResult all = place.saddle({"resume", "--jobs", "1"});
  INFO(all.out << all.err);
  CHECK(place.count("trials WHERE state = 'paused'") == "0");
  CHECK(place.sql("SELECT state FROM trials WHERE config ->> '$.dataset.level' = 1") == "done");
}

TEST_CASE("an interrupt leaves what was paused, and resume goes on from there") {
  Grid place(kAsha, 4);
  auto run = place.start({"run", place.file(), "--jobs", "2"});
  REQUIRE(eventually([&] {
    return std::filesystem::exists(place.database) &&
           place.count("sqlite_schema WHERE name = 'events'") == "1" &&
           std::stoi(place.count("trials WHERE state = 'paused'")) >= 3;
  }));
  ::kill(run.pid(), SIGINT);
  run.wait();
  const std::string paused = place.count("trials WHERE state = 'paused'");
  CHECK(std::stoi(paused) >= 3);
  CHECK(place.count("trials WHERE state = 'pruned'") == "0");
  CHECK_THAT(text_of(place.folder / "out.txt"), Contains(" paused"));
  const ChildResult rest = place.saddle({"resume", "--jobs", "2"});
  INFO(rest.out << rest.err);
  CHECK(rest.exit_code == 0);
  CHECK(place.count("trials WHERE state NOT IN ('done', 'pruned')") == "0");
  // The best of all is never among those that are given up.
  CHECK(place.sql("SELECT state FROM trials WHERE config ->> '$.dataset.level' = 1") == "done");
}
