#include "train_support.hpp"

#include <fstream>
#include <nlohmann/json.hpp>

#include "train/optimizers.hpp"

using namespace saddle::train;
using namespace saddle::train::test;
using Json = nlohmann::json;

namespace {

const Json& reference() {
  static const Json json = Json::parse(std::ifstream(SADDLE_REFERENCE "/optimizers.json"));
  return json;
}

at::Tensor tensor(const Json& values, const Json& shape, at::ScalarType dtype) {
  const auto numbers = values.get<std::vector<double>>();
  return at::tensor(numbers, at::kDouble).view(shape.get<std::vector<int64_t>>()).to(dtype);
}

struct Run {
  std::vector<at::Tensor> leaves;
  Optimizer optimizer;
  double lr;

  static std::vector<at::Tensor> start(at::ScalarType dtype) {
    std::vector<at::Tensor> leaves;
    for (std::size_t i = 0; i < reference()["shapes"].size(); ++i)
      leaves.push_back(tensor(reference()["start"][i], reference()["shapes"][i], dtype).requires_grad_());
    return leaves;
  }
  Run(const OptimizerConfig& config, at::ScalarType dtype)
      : leaves(start(dtype)), optimizer(config, leaves, {"a", "b", "c"}), lr(config.lr) {}

  void step(std::size_t t) {
    std::vector<at::Tensor> gradients;
    for (std::size_t i = 0; i < leaves.size(); ++i)
      gradients.push_back(
          tensor(reference()["gradients"][t][i], reference()["shapes"][i], leaves[i].scalar_type()));
    optimizer.step(gradients, lr / static_cast<double>(1 + t % 3));
  }
};

}  // namespace

TEST_CASE("optimizers take the steps of Python torch 2.11", "[train][optimizer]") {
  for (const auto& [name, expected] : reference()["cases"].items()) {
    const OptimizerConfig config = optimizer_from_json(expected["config"]);
    for (const auto& [dtype_name, dtype, tolerance] :
         {std::tuple{"float64", at::kDouble, 1e-13}, std::tuple{"float32", at::kFloat, 1e-6}}) {
      Run run(config, dtype);
      for (std::size_t t = 0; t < expected[dtype_name].size(); ++t) {
        run.step(t);
        for (std::size_t i = 0; i < run.leaves.size(); ++i) {
          INFO(name << " " << dtype_name << " step " << t << " parameter " << i);
          const at::Tensor wanted = tensor(expected[dtype_name][t][i], reference()["shapes"][i], at::kDouble);
          CHECK(difference(run.leaves[i], wanted) < tolerance);
        }
      }
    }
  }
}

TEST_CASE("an optimizer continues bit for bit from its state", "[train][optimizer]") {
  for (const auto& [name, expected] : reference()["cases"].items()) {
    INFO(name);
    const OptimizerConfig config = optimizer_from_json(expected["config"]);
    Run whole(config, at::kFloat), first(config, at::kFloat), second(config, at::kFloat);
    for (std::size_t t = 0; t < 6; ++t) whole.step(t);
    for (std::size_t t = 0; t < 3; ++t) first.step(t);
    std::map<std::string, at::Tensor> saved;
    for (const auto& [key, value] : first.optimizer.state()) saved[key] = value.clone();
    for (std::size_t i = 0; i < first.leaves.size(); ++i)
      second.leaves[i].detach().copy_(first.leaves[i].detach());
    second.optimizer.load_state(saved);
    for (std::size_t t = 3; t < 6; ++t) second.step(t);
    for (std::size_t i = 0; i < whole.leaves.size(); ++i) CHECK(same_bits(whole.leaves[i], second.leaves[i]));
  }
}

TEST_CASE("optimizer state that does not fit is refused and changes nothing", "[train][optimizer]") {
  Run run(optimizer_from_json({{"use", "adam"}}), at::kFloat);
  run.step(0);
  auto state = run.optimizer.state();
  const at::Tensor kept = state.at("exp_avg/a").clone();
  for (auto& [name, value] : state) value = at::zeros_like(value);
  auto missing = state, unknown = state, shape = state;
  missing.erase("exp_avg_sq/b");
  CHECK_THROWS_WITH(run.optimizer.load_state(missing), Catch::Contains("\"exp_avg_sq/b\" is missing"));
  unknown["exp_avg/d"] = at::zeros({1});
  CHECK_THROWS_WITH(run.optimizer.load_state(unknown), Catch::Contains("\"exp_avg/d\" belongs to no"));
  shape["exp_avg/b"] = at::zeros({1});
  CHECK_THROWS_WITH(run.optimizer.load_state(shape), Catch::Contains("\"exp_avg/b\" has another shape"));
  CHECK(same_bits(run.optimizer.state().at("exp_avg/a"), kept));
}

TEST_CASE("optimizer configs are read whole or refused", "[train][optimizer]") {
  const OptimizerConfig config =
      optimizer_from_json(Json::parse(R"({"use": "adamw", "lr": 1e-3, "betas": [0, 0.9],
      "eps": 1e-6, "weight_decay": 0.5, "clip_norm": 2, "clip_weights": 0.1,
      "sigma_clamp": {"max": 3, "ratio": 1.5},
      "schedule": {"use": "linear", "warmup": 5, "from": 10, "to": 20, "final": 0.25}})"));
  CHECK(config.kind == OptimizerKind::adamw);
  CHECK(config.lr == 1e-3);
  CHECK(config.beta1 == 0);
  CHECK(config.beta2 == 0.9);
  CHECK(config.eps == 1e-6);
  CHECK(config.weight_decay == 0.5);
  CHECK(config.clip_norm == 2);
  CHECK(config.clip_weights == 0.1);
  CHECK(config.sigma_clamp.max == 3);
  CHECK(config.sigma_clamp.ratio == 1.5);
  CHECK(config.schedule.kind == Schedule::Kind::linear);
  CHECK(config.schedule.warmup == 5);
  CHECK(config.schedule.from == 10);
  CHECK(config.schedule.to == 20);
  CHECK(config.schedule.final == 0.25);
  CHECK_THROWS_WITH(optimizer_from_json({{"use", "lion"}}), Catch::Contains("adamw"));
  CHECK_THROWS_WITH(optimizer_from_json({{"use", "sgd"}, {"betas", {0, 1}}}), Catch::Contains("unknown key"));
  CHECK_THROWS_WITH(optimizer_from_json({{"use", "sgd"}, {"lr", "fast"}}), Catch::Contains("/lr"));
  CHECK_THROWS_WITH(optimizer_from_json({{"use", "sgd"}, {"nesterov", true}}), Catch::Contains("momentum"));
  CHECK_THROWS_WITH(optimizer_from_json({{"use", "adam"}, {"schedule", {{"use", "cosine"}}}}),
                    Catch::Contains("linear"));
}
