// What "prune" means in a grid: read, filled in, stored for resume, told when it is idle.
#include <catch2/catch.hpp>

#include <grid/rules.hpp>

#include "fixture.hpp"

using namespace saddle;
using namespace saddle::test;

namespace {

Json pruned(const std::string& prune) {
  Json grid = base();
  grid["train"] = {{"rounds", 100}};
  grid["metrics"] = Json::parse(R"([{"use": "frechet", "every": 20}])");
  grid["prune"] = Json::parse(prune);
  return grid;
}

}  // namespace

TEST_CASE("nothing is pruned unless a grid asks") {
  CHECK_FALSE(plan_of(base()).rules.prune);
  CHECK_FALSE(plan_of(pruned("null")).rules.prune);
  CHECK_FALSE(plan_of(pruned(R"({"use": "median", "metric": "frechet"})"), {"prune=null"}).rules.prune);
}

TEST_CASE("a median rule has its defaults, and all of it comes back from the store") {
  const Prune usual = *plan_of(pruned(R"({"use": "median", "metric": "frechet"})")).rules.prune;
  CHECK(usual.use == "median");
  CHECK_FALSE(usual.larger_is_better);
  CHECK(usual.smooth == 1);
  CHECK(usual.warmup == 0);
  CHECK(usual.min_trials == 5);
  CHECK(usual.patience == 1);

  const Rules rules =
      plan_of(pruned(R"({"use": "median", "metric": "coverage", "direction": "max", "smooth": 3,
                                         "warmup": 40, "min_trials": 2, "patience": 4})"))
          .rules;
  const Prune back = *stored_rules(to_json(rules)).prune;
  CHECK(back.metric == "coverage");
  CHECK(back.larger_is_better);
  CHECK(back.smooth == 3);
  CHECK(back.warmup == 40);
  CHECK(back.min_trials == 2);
  CHECK(back.patience == 4);
}

TEST_CASE("successive halving too, and --set changes it") {
  const Rules rules =
      plan_of(pruned(R"({"use": "asha", "metric": "frechet", "warmup": 20, "min_trials": 6})"),
              {"prune.eta=4"})
          .rules;
  const Prune back = *stored_rules(to_json(rules)).prune;
  CHECK(back.use == "asha");
  CHECK(back.eta == 4);
  CHECK(back.warmup == 20);
  CHECK(back.min_trials == 6);
  CHECK(plan_of(pruned(R"({"use": "asha", "metric": "frechet", "warmup": 20})")).rules.prune->eta == 3);
}

TEST_CASE("a rule says when trials stop, not what they are: it is not swept") {
  Json grid = pruned(R"({"use": "median", "metric": "frechet"})");
  grid["sweep"] = {{"prune.min_trials", {{"values", {2, 3}}}}};
  CHECK(refusal(grid) != "accepted");
}

TEST_CASE("a rule that can never decide is told with the plan") {
  const auto notices = [](const std::string& prune, const std::vector<std::string>& sets = {}) {
    return plan_of(pruned(prune), sets).notices;
  };
  const std::string rule = R"({"use": "median", "metric": "frechet", "warmup": 80})";
  CHECK(notices(rule).empty());  // it measures at 80
  REQUIRE(notices(rule, {"prune.warmup=81"}).size() == 1);
  CHECK(notices(rule, {"prune.warmup=81"})[0].find("between round 81 (prune.warmup)") != std::string::npos);
  CHECK(notices(rule, {"metrics.0.every=0"}).size() == 1);
  CHECK(notices(rule, {"train.rounds=80"}).size() == 1);  // the last round is too late
  // A loss is recorded, whatever is evaluated.
  CHECK(notices(rule, {"prune.metric=generator/total", "metrics.0.every=0"}).empty());
}
