// Counts, order, names and arithmetic of a plan.
#include <catch2/catch.hpp>

#include <set>

#include "fixture.hpp"

using namespace saddle;
using namespace saddle::test;

namespace {

std::vector<std::string> names(const Plan& plan) {
  std::vector<std::string> result;
  for (const PlannedTrial& trial : plan.trials) result.push_back(trial.name);
  return result;
}

Json value(const PlannedTrial& trial, const std::string& pointer) {
  return trial.config->resolved().at(Json::json_pointer(pointer));
}

}  // namespace

TEST_CASE("the example of the design: 3 x 2 x 3 trials, axes in file order, seeds innermost") {
  // Written as text: the order of the axes is the file's, not the alphabet's.
  std::string text = base().dump();
  text.pop_back();
  text += R"(, "sweep": {
      "widths": {"zip": {"models.generator.width": [16, 32], "models.discriminator.width": [16, 32]}},
      "losses": {"values": [[{"use": "hinge"}], [{"use": "ns"}], [{"use": "hinge"}, {"use": "kdd", "weight": 0.5}]]}},
    "seeds": [1, 2, 3]})";
  const Plan plan = plan_text(text);
  CHECK(plan.arithmetic == "2 x 3 x 3 = 18 trials");
  REQUIRE(plan.trials.size() == 18);
  std::size_t i = 0;
  for (int width : {16, 32}) {
    for (const char* loss : {"hinge", "ns", "hinge+kdd"}) {
      for (int seed : {1, 2, 3}) {
        const PlannedTrial& trial = plan.trials[i++];
        CHECK(trial.ordinal == static_cast<int>(i));
        CHECK(trial.seed == seed);
        CHECK(value(trial, "/models/generator/width") == width);
        CHECK(value(trial, "/models/discriminator/width") == width);
        CHECK(trial.config->swept == std::vector<std::pair<std::string, std::string>>{
                                         {"widths", std::to_string(width)}, {"losses", loss}});
        char expected[80];
        std::snprintf(expected, sizeof expected, "%04zu-width%d-%s-s%d", i, width, loss, seed);
        CHECK(trial.name == expected);
      }
    }
  }
  CHECK(value(plan.trials[6], "/losses/1/weight") == 0.5);
  CHECK(plan.trials[0].config == plan.trials[2].config);
}

TEST_CASE("without a sweep there is one config") {
  const Plan plan = plan_of(base());
  CHECK(names(plan) == std::vector<std::string>{"0001-s0"});
  CHECK(plan.arithmetic == "1 trial");
  CHECK(plan.name == "t");
  CHECK(plan.rules.limits.time_s == 0);
}

TEST_CASE("the number of trials is the product of the axes, and all are different") {
  for (int widths = 1; widths <= 4; ++widths) {
    for (int rates = 1; rates <= 3; ++rates) {
      for (int seeds = 1; seeds <= 3; ++seeds) {
        Json grid = base();
        for (int i = 1; i <= widths; ++i) grid["sweep"]["models.generator.width"]["values"].push_back(i);
        for (int i = 1; i <= rates; ++i)
          grid["sweep"]["optimizers.generator.lr"]["values"].push_back(i * 1e-4);
        grid["seeds"] = {{"count", seeds}, {"from", 5}};
        const Plan plan = plan_of(grid);
        CHECK(plan.trials.size() == static_cast<std::size_t>(widths * rates * seeds));
        std::set<std::string> trials, configs, labels;
        for (const PlannedTrial& trial : plan.trials) {
          trials.insert(trial.trial_hash);
          configs.insert(trial.config->hash);
          labels.insert(trial.name);
          CHECK(trial.seed >= 5);
          CHECK(trial.seed < 5 + seeds);
        }
        CHECK(trials.size() == plan.trials.size());
        CHECK(labels.size() == plan.trials.size());
        CHECK(configs.size() == static_cast<std::size_t>(widths * rates));
      }
    }
  }
}

TEST_CASE("a range includes its end and has no rounding dust") {
  Json grid = base();
  grid["sweep"]["train.ema.decay"]["range"] = {{"from", 0.1}, {"to", 0.7}, {"step", 0.2}};
  Plan plan = plan_of(grid);
  std::vector<Json> values;
  for (const PlannedTrial& trial : plan.trials) values.push_back(value(trial, "/train/ema/decay"));
  CHECK(values == std::vector<Json>{0.1, 0.3, 0.5, 0.7});

  grid = base();
  grid["sweep"]["train.rounds"]["range"] = {{"from", 30}, {"to", 5}, {"step", -10}};
  plan = plan_of(grid);
  REQUIRE(plan.trials.size() == 3);
  CHECK(value(plan.trials[2], "/train/rounds") == 10);
  CHECK(plan.trials[2].name == "0003-rounds10-s0");
}

TEST_CASE("an exclusion takes out what matches all of its paths") {
  Json grid = base();
  grid["sweep"] = {{"models.generator.width", {{"values", {8, 16, 32}}}},
                   {"losses", {{"values", {{{{"use", "hinge"}}}, {{{"use", "ns"}}}}}}}};
  grid["exclude"] = {{{"losses.0.use", "ns"}, {"models.generator.width", 8.0}},
                     {{"losses", {{{"use", "hinge"}}}}, {"models.generator.width", 32}}};
  grid["seeds"] = {1, 2};
  const Plan plan = plan_of(grid);
  CHECK(plan.arithmetic == "2 x 3 x 2 - 4 excluded = 8 trials");
  for (const PlannedTrial& trial : plan.trials) {
    const bool ns = value(trial, "/losses/0/use") == "ns";
    CHECK_FALSE((ns && value(trial, "/models/generator/width") == 8));
    CHECK_FALSE((!ns && value(trial, "/models/generator/width") == 32));
  }
}

TEST_CASE("what cannot work together can be excluded") {
  Json grid = base();
  grid["sweep"] = {{"models.discriminator.use", {{"values", {"dcgan", "mlp"}}}},
                   {"losses", {{"values", {{{{"use", "hinge"}}}, {{{"use", "hinge"}}, {{"use", "kdd"}}}}}}}};
  CHECK(refusal(grid).find("loss \"kdd\" needs discriminator.features") != std::string::npos);
  grid["exclude"] = {{{"models.discriminator.use", "mlp"}, {"losses.1.use", "kdd"}}};
  CHECK(plan_of(grid).trials.size() == 3);
}

TEST_CASE("an exclusion that matches nothing is said, one that never could is an error") {
  Json grid = base();
  grid["exclude"] = {{{"models.generator.width", 999}}};
  const Plan plan = plan_of(grid);
  REQUIRE(plan.notices.size() == 1);
  CHECK(plan.notices[0].find("/exclude/0: matches no trial") != std::string::npos);
  grid["exclude"] = {{{"models.generator.widht", 64}}};
  CHECK(refusal(grid).find("/exclude/0/models.generator.widht: no trial has the path "
                           "\"models.generator.widht\", so nothing can be excluded by it. Nearest: "
                           "\"models.generator.width\"") != std::string::npos);
  grid["exclude"] = {{{"models.generator.width", 64}}};
  CHECK(refusal(grid).find("every trial is excluded") != std::string::npos);
}

TEST_CASE("equal trials are merged, and that is said") {
  Json grid = base();
  grid["sweep"]["models.generator.width"]["values"] = {32, 64, 32.0};
  grid["seeds"] = {1, 2, 1};
  const Plan plan = plan_of(grid);
  CHECK(plan.trials.size() == 4);
  CHECK(plan.arithmetic == "3 x 3 - 5 merged = 4 trials");
  REQUIRE(plan.notices.size() == 1);
  CHECK(plan.notices[0].find("5 trials were merged") == 0);
}

TEST_CASE("a value from --set comes last, reaches into lists, and is JSON or a word") {
  Json grid = base();
  grid["sweep"]["models.generator.width"]["values"] = {8, 16};
  const Plan plan =
      plan_of(grid, {"losses.0.margin=0.25", "models.discriminator.norm=spectral", "train.ema.decay=0.9",
                     "seeds=[4,5]", "name=other", "limits.time_s=9", "models.generator.width=24"});
  CHECK(plan.name == "other");
  CHECK(plan.rules.limits.time_s == 9);
  REQUIRE(plan.trials.size() == 2);  // one width is left: it is swept no more
  CHECK(plan.arithmetic == "2 trials");
  CHECK(plan.trials[0].name == "0001-s4");
  REQUIRE(plan.notices.size() == 1);
  CHECK(plan.notices[0] == "--set takes the place of the sweep \"models.generator.width\"");
  CHECK(plan.trials[1].seed == 5);
  CHECK(value(plan.trials[0], "/losses/0/margin") == 0.25);
  CHECK(value(plan.trials[0], "/models/discriminator/norm") == "spectral");
  CHECK(value(plan.trials[0], "/models/generator/width") == 24);
  CHECK(plan.sets.size() == 7);
}

TEST_CASE("names are short, distinct and fit for folders") {
  Json grid = base();
  grid["sweep"]["losses"]["values"] = {
      {{{"use", "wasserstein"}}, {{"use", "gradient_penalty"}, {"weight", 1}}},
      {{{"use", "wasserstein"}}, {{"use", "gradient_penalty"}, {"weight", 10}}}};
  grid["sweep"]["models.generator.init"]["values"] = {"xavier_uniform", "orthogonal"};
  grid["sweep"]["optimizers.generator.betas"]["values"] = {{0, 0.9}, {0.5, 0.999}};
  grid["seeds"] = {9223372036854775807};
  const Plan plan = plan_of(grid);
  std::set<std::string> labels;
  for (const PlannedTrial& trial : plan.trials) {
    CHECK(trial.name.size() <= 60);
    CHECK(trial.name.find_first_not_of(
              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._+") == std::string::npos);
    CHECK(trial.name.ends_with("-s9223372036854775807"));
    labels.insert(trial.config->label);
  }
  CHECK(labels.size() == 8);
  CHECK(plan.trials[0].config->label.find("gradient_penalty-weight1-") != std::string::npos);
}

TEST_CASE("ten thousand trials are planned") {
  Json grid = base();
  grid["sweep"]["models.generator.width"]["range"] = {{"from", 1}, {"to", 100}, {"step", 1}};
  grid["sweep"]["optimizers.generator.lr"]["range"] = {{"from", 0.001}, {"to", 0.05}, {"step", 0.001}};
  grid["seeds"] = {{"count", 2}};
  const Plan plan = plan_of(grid);
  CHECK(plan.trials.size() == 10000);
  CHECK(plan.trials.back().name == "10000-width100-lr0.05-s1");
  grid["seeds"] = {{"count", 100}};
  CHECK(refusal(grid).find("/sweep: 100 x 50 x 100 are more than 10000 trials; say --yes if that is meant") !=
        std::string::npos);
  Scratch scratch;
  grid["seeds"] = {{"count", 3}};
  CHECK(load_plan(scratch.write("g.json", grid.dump()), {}, catalogue(), kMostTrials).trials.size() == 15000);
  grid["seeds"] = {{"count", 1000}};
  CHECK_THROWS_WITH(load_plan(scratch.write("g.json", grid.dump()), {}, catalogue(), kMostTrials),
                    Catch::Contains("more than 1000000 trials; sweep fewer values, or split the experiment"));
}
