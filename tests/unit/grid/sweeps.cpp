// The forms of a sweep: logspace, random, zip of forms, oneOf.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <set>

#include <grid/draws.hpp>

#include "fixture.hpp"

using namespace saddle;
using namespace saddle::test;

namespace {

Plan sweep(const std::string& text) {
  std::string grid = base().dump();
  grid.pop_back();
  return plan_text(grid + ", \"sweep\": " + text + "}");
}

std::vector<Json> values(const Plan& plan, const std::string& pointer) {
  std::vector<Json> result;
  for (const PlannedTrial& trial : plan.trials)
    result.push_back(trial.config->resolved().at(Json::json_pointer(pointer)));
  return result;
}

std::vector<std::string> labels(const Plan& plan) {
  std::vector<std::string> result;
  for (const PlannedTrial& trial : plan.trials) result.push_back(trial.config->label);
  return result;
}

}  // namespace

TEST_CASE("a logspace has equal ratios, exact ends and no rounding dust") {
  CHECK(values(sweep(R"({"optimizers.generator.lr": {"logspace": {"from": 1e-4, "to": 1e-1, "n": 4}}})"),
               "/optimizers/generator/lr") == std::vector<Json>{1e-4, 1e-3, 1e-2, 1e-1});
  CHECK(values(sweep(R"({"models.generator.width": {"logspace": {"from": 128, "to": 8, "n": 5}}})"),
               "/models/generator/width") == std::vector<Json>{128, 64, 32, 16, 8});
}

TEST_CASE("random draws are these numbers, on every platform and for ever") {
  // Trials are known by them: a change here would orphan results. fixtures/draws.py has them as well.
  const Plan plan = sweep(R"({"search": {"random": {"n": 4, "seed": 7, "draw": {
      "optimizers.generator.lr": {"log_uniform": {"from": 1e-4, "to": 1e-1}},
      "train.ema.decay": {"uniform": {"from": 0.99, "to": 0.9999}},
      "models.generator.width": {"integer": {"from": 4, "to": 6}},
      "models.generator.init": {"choice": ["orthogonal", "normal"]}}}}})");
  CHECK(plan.arithmetic == "4 x 1 = 4 trials");
  CHECK(Json(values(plan, "/optimizers/generator/lr")).dump() ==
        "[0.0141846,0.00281708,0.00216118,0.000319435]");
  CHECK(Json(values(plan, "/train/ema/decay")).dump() == "[0.99744845,0.99491003,0.99979908,0.99456789]");
  CHECK(Json(values(plan, "/models/generator/width")).dump() == "[5,6,6,4]");
  CHECK(Json(values(plan, "/models/generator/init")).dump() ==
        "[\"normal\",\"orthogonal\",\"normal\",\"normal\"]");
  CHECK(plan.trials[0].config->label == "lr0.0141846-decay0.99744845-width5-normal");
}

TEST_CASE("more draws keep the ones before, another seed or path gives others") {
  const auto draw = [](int n, int seed, const std::string& player) {
    const std::string path = "optimizers." + player + ".lr";
    return values(sweep("{\"" + path + "\": {\"random\": {\"n\": " + std::to_string(n) +
                        ", \"seed\": " + std::to_string(seed) + ", \"uniform\": {\"from\": 0, \"to\": 1}}}}"),
                  "/optimizers/" + player + "/lr");
  };
  const std::vector<Json> few = draw(5, 0, "generator"), many = draw(50, 0, "generator");
  CHECK(std::equal(few.begin(), few.end(), many.begin()));
  CHECK(draw(5, 1, "generator") != few);
  CHECK(draw(5, 0, "discriminator") != few);
  // In a zip and alone a path draws the same.
  CHECK(values(sweep(R"({"z": {"zip": {"train.rounds": [1, 2, 3, 4, 5], "optimizers.generator.lr":
      {"random": {"n": 5, "uniform": {"from": 0, "to": 1}}}}}})"),
               "/optimizers/generator/lr") == few);
}

TEST_CASE("draws fill their bounds evenly") {
  const Stream stream(3, "x");
  double sum = 0, square = 0;
  std::vector<int> counts(7);
  for (std::uint64_t i = 0; i < 7000; ++i) {
    const double u = stream.unit(i);
    REQUIRE(u >= 0);
    REQUIRE(u < 1);
    sum += u;
    square += u * u;
    ++counts.at(Stream(3, "y").below(7, i));
  }
  CHECK(sum / 7000 == Approx(0.5).margin(0.015));  // 4 standard errors
  CHECK(square / 7000 == Approx(1.0 / 3).margin(0.015));
  for (int count : counts) CHECK(count == Approx(1000).margin(120));
}

TEST_CASE("the portable logarithm and exponential agree with those of the C library") {
  for (double x : {1e-300, 3e-5, 0.1, 0.5, 0.70710678, 1.0, 1.0000001, 2.718281828, 77.0, 1e12, 1e300}) {
    CHECK(portable_log(x) == Approx(std::log(x)).epsilon(1e-15).margin(1e-16));
    CHECK(portable_exp(std::log(x)) == Approx(x).epsilon(1e-12));
  }
  for (double x = -40; x < 40; x += 0.37) CHECK(portable_exp(x) == Approx(std::exp(x)).epsilon(1e-14));
}

TEST_CASE("a zip walks forms together and multiplies with the rest") {
  const Plan plan =
      sweep(R"({"z": {"zip": {"models.generator.width": {"range": {"from": 8, "to": 24, "step": 8}},
                                          "optimizers.generator.lr": {"logspace": {"from": 0.01, "to": 0.0001, "n": 3}}}},
                             "train.batch": {"values": [1, 2]}})");
  CHECK(plan.arithmetic == "3 x 2 x 1 = 6 trials");
  CHECK(values(plan, "/models/generator/width") == std::vector<Json>{8, 8, 16, 16, 24, 24});
  CHECK(values(plan, "/optimizers/generator/lr") ==
        std::vector<Json>{0.01, 0.01, 0.001, 0.001, 0.0001, 0.0001});
  CHECK(plan.trials[2].name == "0003-width16-lr0.001-batch1-s0");
}

TEST_CASE("oneOf: branches have their own parameters and sweeps, and are added, not multiplied") {
  const Plan plan = sweep(R"({
      "game": {"oneOf": [
        {"set": {"losses": [{"use": "hinge"}]}, "sweep": {"losses.0.margin": {"values": [0.5, 1]}}},
        {"name": "wgan", "set": {"losses": [{"use": "wasserstein"}, {"use": "gradient_penalty"}],
                                 "train.updates.discriminator": 5},
         "sweep": {"losses.1.weight": {"values": [1, 10]}, "train.batch": {"values": [16, 32, 64]}}},
        {"set": {"losses": [{"use": "ns"}]}}]},
      "models.generator.width": {"values": [8, 16]}})");
  CHECK(plan.arithmetic == "(2 + 2 x 3 + 1) x 2 x 1 = 18 trials");
  CHECK(labels(plan)[0] == "hinge-margin0.5-width8");
  CHECK(labels(plan)[3] == "hinge-margin1-width16");
  CHECK(labels(plan)[4] == "wgan-weight1-batch16-width8");
  CHECK(labels(plan)[15] == "wgan-weight10-batch64-width16");
  CHECK(labels(plan)[16] == "ns-width8");
  CHECK(plan.trials[4].config->swept[0] == std::pair<std::string, std::string>("game", "wgan-1-16"));
  for (std::size_t i = 0; i < 18; ++i) {
    const Json& config = plan.trials[i].config->resolved();
    CHECK(config["train"]["updates"]["discriminator"] == (i >= 4 && i < 16 ? 5 : 1));
    CHECK(config["train"]["batch"] == (i >= 4 && i < 16 ? (i - 4) / 2 % 3 == 0   ? 16
                                                          : (i - 4) / 2 % 3 == 1 ? 32
                                                                                 : 64
                                                        : 64));
    CHECK(config["models"]["generator"]["width"] == (i % 2 == 0 ? 8 : 16));
  }
}

TEST_CASE("branches nest, and each is checked against its own component") {
  const Plan plan = sweep(R"({"d": {"oneOf": [
        {"set": {"models.discriminator": {"use": "mlp"}},
         "sweep": {"act": {"oneOf": [{"set": {"models.discriminator.activation": "relu"}},
                                     {"set": {"models.discriminator.activation": "leaky_relu"}}]},
                   "train.rounds": {"values": [1, 2]}}},
        {"set": {"models.discriminator": {"use": "dcgan"}}, "sweep": {"models.discriminator.slope": {"values": [0.1, 0.3]}}}]}})");
  CHECK(plan.arithmetic == "((1 + 1) x 2 + 2) x 1 = 6 trials");
  CHECK(labels(plan) == std::vector<std::string>{"mlp-relu-rounds1", "mlp-relu-rounds2",
                                                 "mlp-leaky_relu-rounds1", "mlp-leaky_relu-rounds2",
                                                 "dcgan-slope0.1", "dcgan-slope0.3"});
}

TEST_CASE("branches that look alike are told apart") {
  const Plan plan = sweep(R"({"g": {"oneOf": [
        {"set": {"losses": [{"use": "hinge", "margin": 1}]}}, {"set": {"losses": [{"use": "hinge", "margin": 2}]}}]}})");
  CHECK(labels(plan) == std::vector<std::string>{"hinge-margin1", "hinge-margin2"});
  const Plan twins = sweep(R"({"g": {"oneOf": [{"sweep": {"train.batch": {"values": [1, 2]}}},
                                               {"sweep": {"train.rounds": {"values": [1, 2]}}}]}})");
  CHECK(labels(twins) == std::vector<std::string>{"v1-batch1", "v1-batch2", "v2-rounds1", "v2-rounds2"});
}
