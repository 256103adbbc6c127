#include <catch2/catch.hpp>

#include <game/prove.hpp>

#include "trial_fixture.hpp"

using saddle::test::entry;
using saddle::test::json;
using saddle::test::trial_json;

namespace {
json prove(const json& trial) {
  return saddle::worker::prove({{"id", 7}, {"config", trial["config"]}, {"plugins", trial["plugins"]}});
}
}  // namespace

TEST_CASE("a good config is proved with counts and shapes") {
  const json answer = prove(trial_json());
  REQUIRE(answer["ok"].get<bool>());
  CHECK(answer["id"] == 7);
  CHECK(answer["models"]["generator"]["parameter_count"].get<int>() > 0);
  CHECK(answer["models"]["generator"]["outputs"]["image"] == json{2, 2});
}

TEST_CASE("what cannot work is told with its place") {
  json t = trial_json();
  SECTION("a model that does not fit the data") {
    t["config"]["models"]["generator"] =
        entry(t, "model", "dcgan", {{"role", "generator"}, {"init", "default"}, {"norm", "default"}});
    const json answer = prove(t);
    CHECK_FALSE(answer["ok"].get<bool>());
    CHECK(answer["pointer"] == "/models/generator");
  }
  SECTION("a feature that no model has") {
    t["config"]["metrics"] = {
        entry(t, "metric", "frechet",
              {{"every", 0}, {"samples", 8}, {"features", "discriminator.depth"}, {"weights", "raw"}})};
    const json answer = prove(t);
    CHECK(answer["pointer"] == "/metrics/0/features");
    CHECK_THAT(answer["message"].get<std::string>(), Catch::Contains("depth"));
  }
  SECTION("a player without a loss") {
    t["config"]["losses"] = {entry(t, "loss", "r1", {{"weight", 1.0}})};
    const json answer = prove(t);
    CHECK(answer["pointer"] == "/losses");
    CHECK_THAT(answer["message"].get<std::string>(), Catch::Contains("generator"));
  }
  SECTION("a transform for other data") {
    t["config"]["train"]["augment"] = {entry(t, "transform", "flip")};
    CHECK(prove(t)["pointer"] == "/train/augment/0");
  }
}
