// Which configs exclude, --where and --only mean.
#include <catch2/catch.hpp>

#include <grid/choice.hpp>
#include <grid/pattern.hpp>

#include "fixture.hpp"

using namespace saddle;
using namespace saddle::test;

namespace {

const Json kConfig = Json::parse(R"({
  "models": {"generator": {"use": "dcgan", "width": 32}, "discriminator": {"use": "mlp", "width": 64, "flag": false}},
  "losses": [{"use": "hinge", "margin": 1.0}, {"use": "r1", "gamma": 0.5}],
  "train": {"rounds": 100, "augment": [], "order": ["discriminator", "generator"], "nothing": null},
  "seed": 3})");

Pattern parsed(const std::string& text) {
  return Pattern::parse(text, "here", {"models", "losses", "train", "seed"});
}

bool holds(const std::string& text) {
  return parsed(text).holds(
      [](const std::string& section) { return kConfig.contains(section) ? &kConfig[section] : nullptr; });
}

std::vector<std::string> chosen(const Plan& plan, const std::vector<std::string>& only,
                                const std::vector<std::string>& where) {
  std::vector<std::string> names;
  for (const PlannedTrial& trial : chosen_trials(plan, Choice(only, where))) names.push_back(trial.name);
  return names;
}

}  // namespace

TEST_CASE("comparisons are by value, and false for what is not there") {
  for (const char* text : {"models.generator.width = 32",
                           "models.generator.width == 32.0",
                           "models.generator.width == 3.2e1",
                           "models.generator.width != 31",
                           "models.generator.width<33",
                           "params.models.generator.width >=32",
                           "losses.1.gamma <= 0.5",
                           "losses.0.use == \"hinge\"",
                           "losses.0.use = hinge",
                           "losses.0.use > 'aa'",
                           "losses.0.use in ('ns', hinge) and seed in (1, 3)",
                           "losses.0.use like 'H_n%'",
                           "seed == 3",
                           "models.discriminator.width > models.generator.width",
                           "models.discriminator.flag = false",
                           "train.nothing is null",
                           "losses.2 is null",
                           "losses.1 is not null",
                           "seed == 1 or seed == 3 and train.rounds == 100",
                           "not seed == 1 and not (seed == 2 or seed == 4)"}) {
    INFO(text);
    CHECK(holds(text));
  }
  for (const char* text :
       {"models.generator.width == 33", "models.generator.width == '32'", "models.generator.width < '33'",
        "models.critic.width == 32", "models.critic.width != 32", "losses.2.use != hinge",
        "losses.use = hinge", "train.nothing < 1", "train.nothing != 1",
        "models.generator.width == models.critic.width", "models.generator.width.x == 1",
        "losses.0.use like 'h'", "train.augment like '%'",
        "(seed == 1 or seed == 3) and train.rounds == 101"}) {
    INFO(text);
    CHECK_FALSE(holds(text));
  }
}

TEST_CASE("a star is any entry, and one that fits is enough") {
  CHECK(holds("losses.*.use == r1"));
  CHECK_FALSE(holds("losses.*.use == kdd"));
  CHECK(holds("models.*.width > 60 and models.*.use == dcgan"));
  CHECK(holds("losses.*.weight is null"));
  CHECK_FALSE(holds("models.*.width == losses.*.gamma"));
  CHECK(parsed("losses.*.use = r1 and seed > 2").paths() ==
        std::vector<Pattern::Path>{{"losses", "*", "use"}, {"seed"}});
}

TEST_CASE("a pattern of paths matches as a whole") {
  const auto matches = [](const char* pattern) {
    return Pattern::all_of(Json::parse(pattern)).holds([](const std::string& section) {
      return &kConfig.at(section);
    });
  };
  CHECK(matches(R"({"losses.*.use": "r1", "models.generator.width": 32.0})"));
  CHECK(matches(R"({"losses": [{"use": "hinge"}, {"gamma": 0.5}]})"));
  CHECK(matches(R"({"models": {"generator": {"use": "dcgan"}}})"));
  CHECK_FALSE(matches(R"({"losses": [{"use": "hinge"}]})"));
  CHECK_FALSE(matches(R"({"losses.*.use": "r1", "models.generator.width": 33})"));
}

TEST_CASE("a name that is no path is told with its place and the nearest name") {
  CHECK_THROWS_WITH(
      parsed("seed = 3 and model.generator.width == 3"),
      "here, character 14: \"model.generator.width\" is no path in a config. Nearest: \"models\". "
      "Known: models, losses, train, seed.");
  CHECK_THROWS_WITH(parsed("seed = 3 and trian..rounds == 3"), Catch::StartsWith("here, character 14: "));
  CHECK_THROWS_WITH(parsed("seed > "), Catch::StartsWith("here, character 8: found the end"));
}

TEST_CASE("exclusions are patterns or conditions, with stars, seeds and places") {
  Json grid = base();
  grid["sweep"] = {{"models.generator.width", {{"values", {8, 16, 32}}}},
                   {"losses", {{"values", {{{{"use", "hinge"}}}, {{{"use", "ns"}}}}}}}};
  grid["seeds"] = {1, 2};
  grid["exclude"] = {"models.generator.width > 8 and losses.*.use == ns"};
  CHECK(plan_of(grid).arithmetic == "2 x 3 x 2 - 4 excluded = 8 trials");
  grid["exclude"] = {{{"losses.*.use", "ns"}, {"seed", 2}}, "seed == 1 and models.generator.width == 32"};
  CHECK(plan_of(grid).arithmetic == "2 x 3 x 2 - 5 excluded = 7 trials");
  grid["exclude"] = {"models.generator.widht > 8"};
  CHECK(refusal(grid).find(" /exclude/0: no trial has the path \"models.generator.widht\", so nothing can be "
                           "excluded by it. Nearest: \"models.generator.width\"") != std::string::npos);
  grid["exclude"] = {"models.generator.width >"};
  CHECK(refusal(grid).find(" /exclude/0, character 25: found the end, expected a value") !=
        std::string::npos);
  grid["exclude"] = {3};
  CHECK(refusal(grid).find(
            " /exclude/0: expected an object of paths and the values that are left out together, "
            "or a condition") != std::string::npos);
}

TEST_CASE("trials are chosen by name and by condition") {
  Json grid = base();
  grid["sweep"] = {{"models.generator.width", {{"values", {8, 16}}}},
                   {"losses", {{"values", {{{{"use", "hinge"}}}, {{{"use", "ns"}}}}}}}};
  grid["seeds"] = {1, 2};
  const Plan plan = plan_of(grid);
  CHECK(chosen(plan, {}, {}).size() == 8);
  CHECK(chosen(plan, {"*-ns-*"}, {}).size() == 4);
  CHECK(chosen(plan, {"0001-*", "0003-*"}, {}).size() == 2);
  CHECK(chosen(plan, {"*-ns-*"}, {"models.generator.width == 8", "seed == 2"}) ==
        std::vector<std::string>{"0006-ns-width8-s2"});
  CHECK_THROWS_WITH(chosen(plan, {"ns*"}, {}),
                    "no trial is chosen by --only 'ns*'; there are 8, the first of which "
                    "is called 0001-hinge-width8-s1");
  CHECK_THROWS_WITH(chosen(plan, {}, {"models.generator.width == 9"}),
                    Catch::Contains("no trial is chosen by"));
  CHECK_THROWS_WITH(chosen(plan, {}, {"seed == 1 and models.generator.widht == 8"}),
                    "--where: no trial has the path \"models.generator.widht\". Nearest: "
                    "\"models.generator.width\"");
  CHECK(chosen(plan, {}, {"name like '%-ns-%' and seed = 1"}).size() == 2);
  CHECK_THROWS_WITH(chosen(plan, {}, {"seed 1"}), Catch::StartsWith("--where, character 6: found \"1\""));
}
