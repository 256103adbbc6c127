// The language of exclude, --where and --only.
#include <catch2/catch.hpp>

#include <grid/choice.hpp>
#include <grid/condition.hpp>

#include "fixture.hpp"

using namespace saddle;
using namespace saddle::test;

namespace {

const Json kConfig = Json::parse(R"({
  "models": {"generator": {"use": "dcgan", "width": 32}, "discriminator": {"use": "mlp", "width": 64, "flag": false}},
  "losses": [{"use": "hinge", "margin": 1.0}, {"use": "r1", "gamma": 0.5}],
  "train": {"rounds": 100, "augment": [], "order": ["discriminator", "generator"], "nothing": null},
  "seed": 3})");

bool holds(const std::string& text, const Json& config = kConfig) {
  return Condition::parse(text).holds(
      [&](const std::string& section) { return config.contains(section) ? &config[section] : nullptr; });
}

std::string fault(const std::string& text) {
  try {
    Condition::parse(text);
  } catch (const Condition::Fault& fault) {
    return std::to_string(fault.offset) + ": " + fault.what();
  }
  return "accepted";
}

std::vector<std::string> chosen(const Plan& plan, const std::vector<std::string>& only,
                                const std::vector<std::string>& where) {
  std::vector<std::string> names;
  for (const PlannedTrial& trial : chosen_trials(plan, Choice(only, where))) names.push_back(trial.name);
  return names;
}

}  // namespace

TEST_CASE("comparisons are by value, and false for what is not there") {
  for (const char* text :
       {"models.generator.width == 32", "models.generator.width == 32.0", "models.generator.width == 3.2e1",
        "models.generator.width != 31", "models.generator.width<33", "models.generator.width >=32",
        "losses.1.gamma <= 0.5", "losses.0.use == \"hinge\"", "losses.0.use == 'hinge'",
        "losses.0.use > \"aa\"", "seed == 3", "train.augment == []",
        "train.order == [\"discriminator\", \"generator\"]",
        "models.discriminator.width > models.generator.width", "models.discriminator.flag == false",
        "train.nothing == null"}) {
    INFO(text);
    CHECK(holds(text));
  }
  for (const char* text :
       {"models.generator.width == 33", "models.generator.width == \"32\"", "models.generator.width < \"33\"",
        "models.critic.width == 32", "models.critic.width != 32", "losses.2.use != 'hinge'",
        "losses.use == 'hinge'", "train.nothing < 1", "models.generator.width == models.critic.width",
        "models.generator.width.x == 1"}) {
    INFO(text);
    CHECK_FALSE(holds(text));
  }
}

TEST_CASE("and binds before or, not before both, and a path alone asks whether it is there") {
  CHECK(holds("seed == 1 or seed == 3 and train.rounds == 100"));
  CHECK_FALSE(holds("(seed == 1 or seed == 3) and train.rounds == 101"));
  CHECK(holds("not seed == 1 and not (seed == 2 or seed == 4)"));
  CHECK(holds("not losses.2"));
  CHECK(holds("losses.1 and losses.0.margin"));
  CHECK_FALSE(holds("models.discriminator.flag"));
  CHECK_FALSE(holds("train.nothing"));
  CHECK(holds("losses.0.use in [\"ns\", \"hinge\"] and seed in [1, 3]"));
}

TEST_CASE("a star is any entry, and one that fits is enough") {
  CHECK(holds("losses.*.use == 'r1'"));
  CHECK_FALSE(holds("losses.*.use == 'kdd'"));
  CHECK(holds("models.*.width > 60 and models.*.use == 'dcgan'"));
  CHECK(holds("not losses.*.weight"));
  CHECK_FALSE(holds("models.*.width == losses.*.gamma"));
}

TEST_CASE("a pattern of paths matches as a whole") {
  const auto matches = [](const char* pattern) {
    return Condition::all_of(Json::parse(pattern)).holds([](const std::string& section) {
      return &kConfig.at(section);
    });
  };
  CHECK(matches(R"({"losses.*.use": "r1", "models.generator.width": 32.0})"));
  CHECK(matches(R"({"losses": [{"use": "hinge"}, {"gamma": 0.5}]})"));
  CHECK(matches(R"({"models": {"generator": {"use": "dcgan"}}})"));
  CHECK_FALSE(matches(R"({"losses": [{"use": "hinge"}]})"));
  CHECK_FALSE(matches(R"({"losses.*.use": "r1", "models.generator.width": 33})"));
}

TEST_CASE("what is no condition is told with its place and the nearest name") {
  CHECK(fault("") == "0: expected a path, as models.generator.width, found the end");
  CHECK(fault("seed = 3") == "5: equality is written ==, found \"= 3\"");
  CHECK(fault("seed == 3 an seed == 4")
            .starts_with("10: expected \"and\", \"or\" or the end, found \"an seed"));
  CHECK(fault("model.generator.width == 3")
            .starts_with(
                "0: \"model.generator.width\" is no path in a config (a word to compare with stands in "
                "quotes). Nearest: \"models\"."));
  CHECK(fault("losses.0.use == hinge").starts_with("16: \"hinge\" is no path in a config"));
  CHECK(fault("(seed == 3") == "10: expected \")\", found the end");
  CHECK(fault("seed ==") == "7: expected a JSON value or a path, found the end");
  CHECK(fault("seed == 03").starts_with("8: expected a JSON value or a path, found \"03\""));
  CHECK(fault("seed in 3").starts_with("9: expected a list behind \"in\""));
  CHECK(fault("losses.0.use == 'hinge").starts_with("16: a quote that is not closed"));
  CHECK(fault(std::string(5000, '(')).find("nested deeper than 100 levels") != std::string::npos);
}

TEST_CASE("exclusions are patterns or conditions, with stars, seeds and places") {
  Json grid = base();
  grid["sweep"] = {{"models.generator.width", {{"values", {8, 16, 32}}}},
                   {"losses", {{"values", {{{{"use", "hinge"}}}, {{{"use", "ns"}}}}}}}};
  grid["seeds"] = {1, 2};
  grid["exclude"] = {"models.generator.width > 8 and losses.*.use == 'ns'"};
  CHECK(plan_of(grid).arithmetic == "2 x 3 x 2 - 4 excluded = 8 trials");
  grid["exclude"] = {{{"losses.*.use", "ns"}, {"seed", 2}}, "seed == 1 and models.generator.width == 32"};
  CHECK(plan_of(grid).arithmetic == "2 x 3 x 2 - 5 excluded = 7 trials");
  grid["exclude"] = {"models.generator.widht > 8"};
  CHECK(refusal(grid).find(" /exclude/0: no trial has the path \"models.generator.widht\", so nothing can be "
                           "excluded by it. Nearest: \"models.generator.width\"") != std::string::npos);
  grid["exclude"] = {"models.generator.width >"};
  CHECK(refusal(grid).find(" /exclude/0: expected a JSON value or a path, found the end (character 25)") !=
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
  CHECK_THROWS_WITH(chosen(plan, {}, {"seed = 1"}),
                    Catch::StartsWith("--where, character 6: equality is written =="));
}
