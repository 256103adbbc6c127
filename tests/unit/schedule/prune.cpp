#include <schedule/prune.hpp>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <random>

#include <signal.h>
#include <unistd.h>

#include "fixture.hpp"

using namespace saddle;
using namespace saddle::schedule;
using Catch::Matchers::Contains;
using What = Verdict::What;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// The median rule said once more, slowly: everything is computed from all values
// anew each time.
struct LiteralMedian {
  int smooth, min_trials, patience;
  std::int64_t warmup;
  bool larger;
  std::map<std::int64_t, std::vector<std::pair<std::int64_t, double>>> seen;
  std::map<std::int64_t, int> strikes;

  double smoothed(std::int64_t trial, std::int64_t step) {
    std::vector<double> values;
    for (const auto& [s, v] : seen[trial])
      if (s <= step)
        values.push_back(std::isfinite(v) ? (larger ? -v : v) : std::numeric_limits<double>::infinity());
    const std::size_t n = std::min(values.size(), static_cast<std::size_t>(smooth));
    double sum = 0;
    for (std::size_t i = values.size() - n; i < values.size(); ++i) sum += values[i];
    return sum / static_cast<double>(n);
  }
  bool prunes(std::int64_t trial, std::int64_t step, double value) {
    seen[trial].emplace_back(step, value);
    if (step < warmup) return false;
    std::vector<double> others;
    for (auto& [other, values] : seen)
      if (other != trial && values.back().first >= step && values.front().first <= step)
        others.push_back(smoothed(other, step));
    if (static_cast<int>(others.size()) < min_trials) return false;
    std::sort(others.begin(), others.end());
    const std::size_t n = others.size();
    const double middle = n % 2 == 1 ? others[n / 2] : (others[n / 2 - 1] + others[n / 2]) / 2;
    strikes[trial] = smoothed(trial, step) > middle ? strikes[trial] + 1 : 0;
    return strikes[trial] >= patience;
  }
};

// Algorithm 2 of arXiv:1810.05934: run_then_return_val_loss is `loss`, one worker
// is one entry of `busy`; get_job is copied out line by line.
struct LiteralAsha {
  double eta;
  std::int64_t r;
  std::vector<std::map<int, double>> rungs;  // config -> loss
  std::vector<std::vector<int>> promoted;
  int sampled = 0;

  std::pair<int, int> get_job(int configs) {
    for (int k = static_cast<int>(rungs.size()) - 1; k >= 0; --k) {
      auto& rung = rungs[static_cast<std::size_t>(k)];
      std::vector<std::pair<double, int>> ranked;
      for (const auto& [config, loss] : rung) ranked.emplace_back(loss, config);
      std::sort(ranked.begin(), ranked.end());
      std::vector<int> candidates;
      for (int i = 0; i < static_cast<int>(static_cast<double>(rung.size()) / eta); ++i)
        candidates.push_back(ranked[static_cast<std::size_t>(i)].second);
      auto& done = promoted[static_cast<std::size_t>(k)];
      for (const int config : candidates)
        if (std::find(done.begin(), done.end(), config) == done.end()) {
          done.push_back(config);
          return {config, k + 1};
        }
    }
    return sampled < configs ? std::pair{sampled++, 0} : std::pair{-1, 0};
  }
  void finish(int config, int rung, double loss) {
    if (static_cast<int>(rungs.size()) <= rung) {
      rungs.resize(static_cast<std::size_t>(rung) + 1);
      promoted.resize(static_cast<std::size_t>(rung) + 1);
    }
    rungs[static_cast<std::size_t>(rung)][config] = loss;
  }
};

}  // namespace

TEST_CASE("the median rule decides as its literal form") {
  std::mt19937 random(11);
  std::uniform_real_distribution<double> noise(-1, 1);
  for (int round = 0; round < 60; ++round) {
    LiteralMedian literal{
        1 + round % 3, 1 + round % 4, 1 + round % 2, round % 5 * 10, round % 2 == 1, {}, {}};
    MedianPruner pruner({"m", literal.larger, literal.smooth},
                        {literal.warmup, literal.min_trials, literal.patience});
    // Trials advance in an irregular order and one of them at other steps.
    std::vector<std::int64_t> at(7, 0);
    int pruned = 0;
    for (int i = 0; i < 200; ++i) {
      const auto trial = static_cast<std::size_t>(random() % at.size());
      at[trial] += trial == 3 ? 7 : 10;
      const double value = i % 37 == 0 ? kNaN : static_cast<double>(trial) / 3 + noise(random);
      const bool expected = literal.prunes(static_cast<std::int64_t>(trial), at[trial], value);
      const Verdict verdict = pruner.on_value(static_cast<std::int64_t>(trial), at[trial], value);
      INFO("round " << round << ", value " << i);
      REQUIRE((verdict.what == What::prune) == expected);
      pruned += expected ? 1 : 0;
    }
    CHECK(pruned > 0);
  }
}

TEST_CASE("the median rule waits: for its warm-up, for others, for patience") {
  MedianPruner pruner({"frechet", false, 1}, {20, 2, 2});
  for (std::int64_t trial : {1, 2})
    for (std::int64_t step = 10; step <= 50; step += 10)
      CHECK(pruner.on_value(trial, step, 1).what == What::go_on);
  CHECK(pruner.on_value(3, 10, 9).what == What::go_on);  // warm-up
  CHECK(pruner.on_value(3, 20, 9).what == What::go_on);  // patience
  const Verdict verdict = pruner.on_value(3, 30, 9);
  CHECK(verdict.what == What::prune);
  CHECK(verdict.why ==
        "frechet 9 at step 30 is worse than 1, the median of 2 other trials there, 2 times in a row");
  CHECK(pruner.on_value(4, 20, 9).what == What::go_on);
  CHECK(pruner.on_value(4, 30, 1).what == What::go_on);  // as good as the median: starts to count anew
  CHECK(pruner.on_value(4, 40, 9).what == What::go_on);
  CHECK(pruner.on_value(5, 60, 9).what == What::go_on);  // nobody else has come as far
}

TEST_CASE("what is measured again after a resume decides nothing") {
  MedianPruner median({"m", false, 1}, {0, 1, 1});
  median.remember(1, 10, 1);
  median.remember(2, 10, 5);
  CHECK(median.on_value(2, 10, 5).what == What::go_on);
  CHECK(median.on_value(3, 10, 5).what == What::prune);
  AshaPruner asha({"m", false, 1}, {10, 2});
  asha.remember(1, 10, 1);
  CHECK(asha.on_value(1, 10, 1).what == What::go_on);
  CHECK(asha.holds(1));
}

TEST_CASE("larger can be better, and what is not finite is worst either way") {
  for (const bool larger : {false, true}) {
    MedianPruner pruner({"m", larger, 1}, {0, 3, 1});
    for (std::int64_t trial : {1, 2, 3}) pruner.remember(trial, 10, 2.0);
    CHECK((pruner.on_value(4, 10, 3.0).what == What::prune) == !larger);
    CHECK((pruner.on_value(5, 10, 1.0).what == What::prune) == larger);
    CHECK(pruner.on_value(6, 10, kNaN).what == What::prune);
    CHECK(pruner.on_value(7, 10, larger ? INFINITY : -INFINITY).what == What::prune);
  }
}

TEST_CASE("successive halving gives the jobs of the literal algorithm, in its order") {
  std::mt19937 random(5);
  for (int round = 0; round < 40; ++round) {
    const double eta = 2 + round % 3;
    const int configs = 5 + round % 30, workers = 1 + round % 4;
    std::vector<double> quality;
    for (int i = 0; i < configs; ++i) quality.push_back(static_cast<double>(random() % 50));
    const auto loss = [&](int config, int rung) {
      return quality[static_cast<std::size_t>(config)] + static_cast<double>((config * 7 + rung * 13) % 11);
    };
    LiteralAsha literal{eta, 10, {}, {}};
    AshaPruner pruner({"m", false, 1}, {10, eta});
    struct Work {
      int config, rung;
    };
    std::vector<Work> busy;
    int given = 0;  // configs that the driver has started
    const auto assign = [&] {
      while (static_cast<int>(busy.size()) < workers) {
        const auto [config, rung] = literal.get_job(configs);
        const auto promotion = pruner.promote();
        if (config < 0) {
          REQUIRE_FALSE(promotion);
          REQUIRE(given == configs);
          return;
        }
        REQUIRE(promotion.has_value() == (rung > 0));
        if (promotion) {
          REQUIRE(promotion->trial == config);
          REQUIRE(promotion->rung == rung - 1);
        } else {
          REQUIRE(config == given++);
        }
        busy.push_back({config, rung});
      }
    };
    assign();
    while (!busy.empty()) {
      const std::size_t next = random() % busy.size();
      const Work done = busy[next];
      busy.erase(busy.begin() + static_cast<std::ptrdiff_t>(next));
      literal.finish(done.config, done.rung, loss(done.config, done.rung));
      const Verdict verdict =
          pruner.on_value(done.config, pruner.step_of(done.rung), loss(done.config, done.rung));
      REQUIRE(verdict.what == What::pause);
      REQUIRE(pruner.holds(done.config));
      assign();
    }
    // What is over at the end is what was never promoted from where it stands.
    for (int config = 0; config < configs; ++config) {
      REQUIRE(pruner.holds(config));
      REQUIRE_THAT(pruner.why_over(config), Contains("not among the best 1/"));
    }
  }
}

TEST_CASE("the rungs are remembered, with who was promoted") {
  const auto fill = [](AshaPruner& pruner) {
    for (std::int64_t trial = 1; trial <= 6; ++trial) pruner.remember(trial, 10, static_cast<double>(trial));
  };
  AshaPruner fresh({"m", false, 1}, {10, 3});
  fill(fresh);
  CHECK(fresh.promote()->trial == 1);
  CHECK(fresh.promote()->trial == 2);
  CHECK_FALSE(fresh.promote());

  AshaPruner told({"m", false, 1}, {10, 3});
  fill(told);
  told.remember_promotion(1, 0);
  CHECK_FALSE(told.holds(1));
  CHECK(told.holds(2));
  CHECK(told.promote()->trial == 2);

  AshaPruner seen({"m", false, 1}, {10, 3});
  fill(seen);
  seen.remember(2, 20, 2);  // not at the next rung yet: it may have run on while it stopped
  CHECK(seen.holds(2));
  seen.remember(1, 30, 1);  // it can only be there if it was promoted
  CHECK(seen.promote()->trial == 2);
}

TEST_CASE("a trial that measures rarely passes several rungs at once and is compared at the last") {
  AshaPruner pruner({"m", false, 2}, {10, 2});
  CHECK(pruner.on_value(1, 5, 8).what == What::go_on);
  const Verdict verdict = pruner.on_value(1, 45, 4);
  CHECK(verdict.what == What::pause);
  CHECK(verdict.why == "m 6 is number 1 of 1 at rung 2 (step 40)");  // the mean of the last two
}

TEST_CASE("the worse half is pruned while it runs, and says why") {
  Bench bench;
  bench.options.jobs = 1;
  bench.options.retries = 1;
  MedianPruner pruner({"level", false, 1}, {20, 2, 1});
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
  CHECK(bench.sql("SELECT data ->> '$.step' FROM events WHERE type = 'prune'") == "20");
  CHECK(bench.summary.count(db::Reason::pruned) == 1);
}

TEST_CASE("a metric that nobody measures prunes nothing, and that is said") {
  Bench bench;
  Recorder recorder;
  bench.observer = &recorder;
  MedianPruner pruner({"levle", false, 1}, {0, 1, 1});
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
  AshaPruner pruner({"level", false, 1}, {10, 3});
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
  CHECK_THAT(trials[4].message, Contains("at rung 0 (step 10), not among the best 1/3"));
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

TEST_CASE("successive halving survives an interrupt: what was promoted goes on, what was paused stays") {
  Bench bench;
  bench.options.jobs = 1;
  const auto experiment = bench.plan(nine(4));
  Recorder first;
  bench.observer = &first;
  first.tick = [&] {
    if (first.ended.size() < 5 || first.running < 1) return false;
    ::kill(::getpid(), SIGINT);
    return true;
  };
  AshaPruner before({"level", false, 1}, {10, 3});
  bench.options.pruner = &before;
  auto trials = bench.run(experiment);
  CHECK(bench.summary.interrupted);
  CHECK(bench.sql("SELECT count(*) FROM trials WHERE reason = 'pruned'") == "0");

  AshaPruner after({"level", false, 1}, {10, 3});
  for (const auto& trial : trials)
    for (int step = 10; step <= 90; step += 10)
      if (bench.sql("SELECT count(*) FROM metrics WHERE metric = 'level' AND trial = " +
                    std::to_string(trial.id) + " AND step = " + std::to_string(step)) == "1")
        after.remember(
            trial.id, step,
            std::stod(bench.sql("SELECT value FROM metrics WHERE metric = 'level' AND trial = " +
                                std::to_string(trial.id) + " AND step = " + std::to_string(step))));
  for (const auto& trial : trials) {
    const std::string rung =
        bench.sql("SELECT data ->> '$.rung' FROM events WHERE type = 'promote' AND trial = " +
                  std::to_string(trial.id) + " ORDER BY event DESC");
    if (rung != "no row") after.remember_promotion(trial.id, std::stoi(rung));
  }
  Recorder second;
  bench.observer = &second;
  bench.options.pruner = &after;
  trials = bench.run(experiment);
  for (const auto& trial : trials)
    CHECK(trial.state == (trial.reason == db::Reason::ok ? db::TrialState::done : db::TrialState::pruned));
  CHECK(trials[3].reason == db::Reason::ok);
  CHECK(trials[4].reason == db::Reason::pruned);
}
