#include <schedule/prune.hpp>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <random>

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
  bool worse(std::int64_t trial, std::int64_t step) {
    if (step < warmup) return false;
    std::vector<double> others;
    for (auto& [other, values] : seen)
      if (other != trial && values.back().first >= step && values.front().first <= step)
        others.push_back(smoothed(other, step));
    if (static_cast<int>(others.size()) < min_trials) return false;
    std::sort(others.begin(), others.end());
    const std::size_t n = others.size();
    const double middle = n % 2 == 1 ? others[n / 2] : (others[n / 2 - 1] + others[n / 2]) / 2;
    return smoothed(trial, step) > middle;
  }
  bool prunes(std::int64_t trial, std::int64_t step, double value) {
    auto& own = seen[trial];
    own.emplace_back(step, value);
    if (static_cast<int>(own.size()) < patience) return false;
    for (std::size_t i = own.size() - static_cast<std::size_t>(patience); i < own.size(); ++i)
      if (!worse(trial, own[i].first)) return false;
    return true;
  }
};

// Algorithm 2 of arXiv:1810.05934: run_then_return_val_loss is `loss`, one worker
// is one entry of `busy`; get_job is copied out line by line. Two lines are ours: the
// first rung waits for min_trials, and no infinite loss is promoted.
struct LiteralAsha {
  double eta;
  std::size_t min_trials;
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
      if (k == 0 && rung.size() < min_trials) continue;
      for (int i = 0; i < static_cast<int>(static_cast<double>(rung.size()) / eta); ++i)
        if (std::isfinite(ranked[static_cast<std::size_t>(i)].first))
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
    LiteralMedian literal{1 + round % 3, 1 + round % 4, 1 + round % 3, round % 5 * 10, round % 2 == 1, {}};
    MedianPruner pruner({"m", literal.larger, literal.smooth, {}},
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
      // A run that was cut off here would find the same.
      REQUIRE((pruner.recall(static_cast<std::int64_t>(trial)).what == What::prune) == expected);
    }
    CHECK(pruned > 0);
  }
}

TEST_CASE("the median rule waits: for its warm-up, for others, for patience") {
  MedianPruner pruner({"frechet", false, 1, {}}, {20, 2, 2});
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
  MedianPruner median({"m", false, 1, {}}, {0, 1, 1});
  median.remember(1, 10, 1);
  median.remember(2, 10, 5);
  CHECK(median.on_value(2, 10, 5).what == What::go_on);
  CHECK(median.on_value(3, 10, 5).what == What::prune);
  AshaPruner asha({"m", false, 1, {}}, {10, 2});
  asha.remember(1, 10, 1);
  CHECK(asha.on_value(1, 10, 1).what == What::go_on);
  CHECK(asha.holds(1));
}

TEST_CASE("larger can be better, and what is not finite is worst either way") {
  for (const bool larger : {false, true}) {
    MedianPruner pruner({"m", larger, 1, {}}, {0, 3, 1});
    for (std::int64_t trial : {1, 2, 3}) pruner.remember(trial, 10, 2.0);
    CHECK((pruner.on_value(4, 10, 3.0).what == What::prune) == !larger);
    CHECK((pruner.on_value(5, 10, 1.0).what == What::prune) == larger);
    CHECK(pruner.on_value(6, 10, kNaN).what == What::prune);
    CHECK(pruner.on_value(7, 10, larger ? INFINITY : -INFINITY).what == What::prune);
  }
}

TEST_CASE("successive halving gives the jobs of the literal algorithm, in its order") {
  std::mt19937 random(5);
  for (int round = 0; round < 60; ++round) {
    const double eta = 2 + round % 3;
    const int configs = 5 + round % 30, workers = 1 + round % 4;
    const bool larger = round % 2 == 1, some_nan = round % 5 == 0;
    const std::size_t min_trials = round % 3 == 0 ? 7 : 1;
    std::vector<double> quality;  // many are equal
    for (int i = 0; i < configs; ++i) quality.push_back(static_cast<double>(random() % 50));
    const auto loss = [&](int config, int rung) {
      if (some_nan && config % 3 == 1) return static_cast<double>(INFINITY);
      return quality[static_cast<std::size_t>(config)] + static_cast<double>((config * 7 + rung * 13) % 11);
    };
    const auto measured = [&](int config, int rung) {
      const double value = loss(config, rung);
      return !std::isfinite(value) ? kNaN : larger ? -value : value;
    };
    LiteralAsha literal{eta, min_trials, {}, {}};
    AshaPruner pruner({"m", larger, 1, {}}, {10, eta, static_cast<int>(min_trials)});
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
          REQUIRE(promotion->grounds.rung == rung - 1);
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
          pruner.on_value(done.config, pruner.step_of(done.rung), measured(done.config, done.rung));
      REQUIRE(verdict.what == What::pause);
      REQUIRE(pruner.holds(done.config));
      assign();
    }
    // What is over at the end is what was never promoted from where it stands.
    for (int config = 0; config < configs; ++config) {
      REQUIRE(pruner.holds(config));
      REQUIRE_THAT(pruner.why_over(config).why, Contains(", and no more come"));
    }
  }
}

TEST_CASE("the rungs are remembered, with who was promoted") {
  const auto fill = [](AshaPruner& pruner) {
    for (std::int64_t trial = 1; trial <= 6; ++trial) pruner.remember(trial, 10, static_cast<double>(trial));
  };
  AshaPruner fresh({"m", false, 1, {}}, {10, 3});
  fill(fresh);
  CHECK(fresh.promote()->trial == 1);
  CHECK(fresh.promote()->trial == 2);
  CHECK_FALSE(fresh.promote());

  AshaPruner told({"m", false, 1, {}}, {10, 3});
  fill(told);
  told.remember_promotion(1, 0, 20);  // a rung 0 of another rule
  CHECK(told.holds(1));
  told.remember_promotion(1, 0, 10);
  CHECK_FALSE(told.holds(1));
  CHECK(told.holds(2));
  CHECK(told.promote()->trial == 2);

  AshaPruner seen({"m", false, 1, {}}, {10, 3});
  fill(seen);
  seen.remember(2, 20, 2);  // not at the next rung yet: it may have run on while it stopped
  CHECK(seen.holds(2));
  seen.remember(1, 30, 1);  // it can only be there if it was promoted
  CHECK(seen.promote()->trial == 2);
}

TEST_CASE("a trial that measures rarely passes several rungs at once and is compared at the last") {
  AshaPruner pruner({"m", false, 2, {}}, {10, 2});
  CHECK(pruner.on_value(1, 5, 8).what == What::go_on);
  const Verdict verdict = pruner.on_value(1, 45, 4);
  CHECK(verdict.what == What::pause);
  CHECK(verdict.why ==
        "m 6 (mean of its last 2) is number 1 of 1 at rung 2 (step 40), too few for one to go on");
}

TEST_CASE("a verdict has the numbers that it rests on") {
  MedianPruner median({"coverage", true, 1, {}}, {0, 2, 1});
  median.remember(1, 10, 0.5);
  median.remember(2, 10, 0.75);
  const Verdict pruned = median.on_value(3, 10, 0.25);
  CHECK(pruned.why == "coverage 0.25 at step 10 is worse than 0.625, the median of 2 other trials there");
  CHECK(pruned.grounds.step == 10);
  CHECK(pruned.grounds.value == 0.25);
  CHECK(pruned.grounds.threshold == 0.625);
  CHECK(pruned.grounds.compared == 2);
  CHECK(median.on_value(4, 10, kNaN).why ==
        "coverage (not finite) at step 10 is worse than 0.5, the median of 3 other trials there");

  AshaPruner asha({"coverage", true, 1, {}}, {10, 2, 1});
  CHECK(asha.on_value(1, 10, 0.5).why ==
        "coverage 0.5 is number 1 of 1 at rung 0 (step 10), too few for one to go on");
  const Verdict paused = asha.on_value(2, 10, 0.25);
  CHECK(paused.why == "coverage 0.25 is number 2 of 2 at rung 0 (step 10), of which the best one goes on");
  CHECK(paused.grounds.rung == 0);
  CHECK(paused.grounds.value == 0.25);
  CHECK(paused.grounds.threshold == 0.5);
  CHECK(paused.grounds.compared == 2);
}

// Curves that fall towards 1 + trial / 2 with a jitter that never makes one better than the next.
TEST_CASE("whatever the order, the best of known curves is never pruned and the worst always is") {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> jitter(-0.2, 0.2);
  const int trials = 8, steps = 6;
  for (int round = 0; round < 40; ++round) {
    const bool larger = round % 2 == 1;
    const auto measured = [&](int trial, int step) {
      const double value = 1 + trial / 2.0 + 5.0 / step + jitter(random);
      return larger ? -value : value;
    };
    MedianPruner pruner({"m", larger, 1 + round % 2, {}}, {2, 3, 1});
    std::vector<int> order(trials);
    for (int i = 0; i < trials; ++i) order[static_cast<std::size_t>(i)] = i;
    std::shuffle(order.begin(), order.end(), random);
    if (order[0] == trials - 1) std::swap(order[0], order[5]);  // nobody to compare the first with
    if (order[1] == trials - 1 || order[2] == trials - 1) std::reverse(order.begin(), order.end());
    std::set<int> pruned;
    for (const int trial : order)  // one after the other, as with one slot
      for (int step = 1; step <= steps && !pruned.contains(trial); ++step)
        if (pruner.on_value(trial, step, measured(trial, step)).what == What::prune) pruned.insert(trial);
    INFO("round " << round);
    CHECK_FALSE(pruned.contains(0));
    const auto place = std::find(order.begin(), order.end(), trials - 1) - order.begin();
    if (place >= 3) CHECK(pruned.contains(trials - 1));
  }
}

TEST_CASE("equal values: nobody is worse than the median, and the first ones are promoted") {
  MedianPruner median({"m", false, 1, {}}, {0, 1, 1});
  AshaPruner asha({"m", false, 1, {}}, {10, 2, 1});
  for (std::int64_t trial = 1; trial <= 4; ++trial) {
    CHECK(median.on_value(trial, 10, 7).what == What::go_on);
    CHECK(asha.on_value(trial, 10, 7).what == What::pause);
  }
  CHECK(asha.promote()->trial == 1);
  CHECK(asha.promote()->trial == 2);
  CHECK_FALSE(asha.promote());
}

TEST_CASE("nobody leaves the first rung before enough have come, and nothing infinite ever does") {
  AshaPruner pruner({"m", false, 1, {}}, {10, 2, 4});
  pruner.on_value(1, 10, 1);
  pruner.on_value(2, 10, 2);
  pruner.on_value(3, 10, kNaN);
  CHECK_FALSE(pruner.promote());
  pruner.on_value(4, 10, kNaN);
  CHECK(pruner.promote()->trial == 1);
  CHECK(pruner.promote()->trial == 2);
  CHECK_FALSE(pruner.promote());
  for (std::int64_t trial = 5; trial <= 12; ++trial) pruner.on_value(trial, 10, kNaN);
  CHECK_FALSE(pruner.promote());  // 6 of 12 might, but only two are numbers
}

TEST_CASE("the last chance is for the best of the furthest rung, if it is a number") {
  AshaPruner pruner({"m", false, 1, {}}, {10, 3, 1});
  for (std::int64_t trial = 1; trial <= 5; ++trial) pruner.on_value(trial, 10, static_cast<double>(trial));
  CHECK(pruner.promote()->trial == 1);
  pruner.on_value(1, 30, 100);
  CHECK_FALSE(pruner.promote());
  CHECK_FALSE(pruner.last_chance({}));
  const auto last = pruner.last_chance({1, 2, 3, 4, 5});
  REQUIRE(last);
  CHECK(last->trial == 1);
  CHECK(last->grounds.rung == 1);
  CHECK_THAT(last->why, Contains("so that one trial is trained to its end"));
  CHECK_FALSE(pruner.holds(1));
  CHECK(pruner.last_chance({2, 3, 4, 5})->trial == 2);

  AshaPruner nothing({"m", false, 1, {}}, {10, 3, 1});
  nothing.on_value(1, 10, kNaN);
  CHECK_FALSE(nothing.last_chance({1}));
}
