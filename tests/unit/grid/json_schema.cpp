// The JSON Schema of `saddle plan --schema`, checked by an independent validator.
#include <catch2/catch.hpp>

#include <filesystem>

#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include <grid/json_schema.hpp>

#include "fixture.hpp"

using namespace saddle;
using namespace saddle::test;

namespace {

class Judge {
 public:
  Judge() {
    const Json text = grid_json_schema(catalogue());
    valijson::SchemaParser(valijson::SchemaParser::kDraft7)
        .populateSchema(valijson::adapters::NlohmannJsonAdapter(text), schema_);
  }
  // "" when it is valid, else all that is wrong.
  std::string fault(const Json& grid) {
    valijson::ValidationResults results;
    valijson::Validator validator(valijson::Validator::kStrongTypes);
    if (validator.validate(schema_, valijson::adapters::NlohmannJsonAdapter(grid), &results)) return "";
    std::string text;
    for (valijson::ValidationResults::Error error; results.popError(error);) {
      for (const std::string& part : error.context) text += part;
      text += ": " + error.description + "\n";
    }
    return text.empty() ? "refused" : text;
  }

 private:
  valijson::Schema schema_;
};

Json changed(const std::string& pointer, const Json& value) {
  Json grid = base();
  grid[Json::json_pointer(pointer)] = value;
  return grid;
}

}  // namespace

TEST_CASE("the schema accepts what planning accepts, each form of the language") {
  Judge judge;
  CHECK(judge.fault(base()) == "");
  const std::vector<std::pair<std::string, std::string>> sound = {
      {"/$schema", R"("grid.schema.json")"},
      {"/seeds", "[1, 2]"},
      {"/seeds", R"({"count": 3, "from": 2})"},
      {"/limits", R"({"time_s": 5, "stop_after_failures": 2})"},
      {"/prune", R"({"use": "median", "metric": "frechet", "direction": "min", "smooth": 2, "patience": 2})"},
      {"/prune", R"({"use": "asha", "metric": "frechet", "warmup": 100, "eta": 2, "min_trials": 4})"},
      {"/prune", "null"},
      {"/models/generator", R"({"use": "dcgan", "width": 32, "norm": "spectral", "slope": 0.1})"},
      {"/optimizers/generator",
       R"({"use": "adam", "betas": [0, 0.9], "schedule": {"use": "linear", "to": 5}})"},
      {"/train",
       R"({"rounds": 5, "ema": {"decay": 0.9}, "updates": {"generator": 2}, "augment": [{"use": "flip"}]})"},
      {"/metrics", R"([{"use": "frechet", "every": 5}])"},
      {"/metrics", R"([{"use": "frechet", "features": "discriminator.features"}])"},
      {"/metrics",
       R"([{"use": "frechet", "features": {"use": "inception", "output": "logits", "weights": "random", "size": 32}}])"},
      {"/record", R"({"samples": {"grid": 4}})"},
      {"/exclude", R"([{"losses.*.use": "hinge", "seed": 3}, "seed = 2 and train.rounds > 3"])"},
      {"/sweep", R"({"models.generator.width": {"values": [8, 16]}})"},
      {"/sweep", R"({"models.generator.use": {"values": ["dcgan", "mlp"]}})"},
      {"/sweep",
       R"({"losses": {"values": [[{"use": "hinge"}], [{"use": "ns"}, {"use": "gradient_penalty"}]]}})"},
      {"/sweep", R"({"train.rounds": {"range": {"from": 1, "to": 5, "step": 2}}})"},
      {"/sweep", R"({"optimizers.generator.lr": {"logspace": {"from": 1e-4, "to": 1e-2, "n": 3}}})"},
      {"/sweep",
       R"({"optimizers.generator.lr": {"random": {"n": 3, "seed": 1, "log_uniform": {"from": 1e-4, "to": 1e-2}}}})"},
      {"/sweep", R"({"search": {"random": {"n": 3, "draw": {"train.batch": {"choice": [16, 32]},
                     "losses.0.margin": {"uniform": {"from": 0.5, "to": 2}}}}}})"},
      {"/sweep",
       R"({"w": {"zip": {"models.generator.width": [8, 16], "train.rounds": {"range": {"from": 1, "to": 2, "step": 1}}}}})"},
      {"/sweep", R"({"g": {"oneOf": [{"name": "a", "set": {"losses": [{"use": "hinge"}]},
                     "sweep": {"losses.0.margin": {"values": [1, 2]}, "h": {"oneOf": [{"set": {"train.batch": 3}}]}}}]}})"},
  };
  for (const auto& [pointer, value] : sound) {
    INFO(pointer << " " << value);
    CHECK(judge.fault(changed(pointer, Json::parse(value))) == "");
    CHECK(refusal(changed(pointer, Json::parse(value))) == "accepted");
  }
}

TEST_CASE("the schema refuses what planning refuses, components' parameters included") {
  Judge judge;
  const std::vector<std::pair<std::string, std::string>> faulty = {
      {"/naem", R"("x")"},
      {"/name", R"("a/b")"},
      {"/seeds", "[-1]"},
      {"/seeds", R"({"cuont": 3})"},
      {"/limits", R"({"times": 3})"},
      {"/prune", R"({"use": "medan", "metric": "frechet"})"},
      {"/prune", R"({"use": "median"})"},
      {"/prune", R"({"use": "asha", "metric": "frechet"})"},
      {"/prune", R"({"use": "asha", "metric": "frechet", "warmup": 5, "patience": 2})"},
      {"/prune", R"({"use": "asha", "metric": "frechet", "warmup": 5, "eta": 1})"},
      {"/prune", R"({"use": "median", "metric": "frechet", "min_trials": 0})"},
      {"/dataset", R"({"use": "digit"})"},
      {"/dataset", R"("digits")"},
      {"/models/generator", R"({"use": "dcgan", "widht": 32})"},
      {"/models/generator", R"({"use": "dcgan", "width": 0})"},
      {"/models/generator", R"({"use": "dcgan", "width": "32"})"},
      {"/models/generator", R"({"use": "mlp", "slope": 0.1})"},
      {"/models/generator", R"({"use": "dcgan", "norm": "spectrl"})"},
      {"/models/Big", R"({"use": "dcgan"})"},
      {"/losses", R"([{"use": "hing"}])"},
      {"/losses", R"([{"use": "hinge", "margin": -1}])"},
      {"/optimizers/generator", R"({"use": "adam", "momentum": 0.9})"},
      {"/optimizers/generator", R"({"use": "adam", "betas": [0.9]})"},
      {"/optimizers/generator", R"({"use": "adam", "schedule": {"use": "cosine"}})"},
      {"/train", R"({"rouns": 5})"},
      {"/train", R"({"augment": [{"use": "flap"}]})"},
      {"/metrics", R"([{"use": "frechet", "evry": 5}])"},
      {"/exclude", "[3]"},
      {"/exclude", "[{}]"},
      {"/sweep", R"({"models.generator.width": {"values": []}})"},
      {"/sweep", R"({"models.generator.width": {"values": [0]}})"},
      {"/sweep", R"({"models.generator.width": {"value": [1]}})"},
      {"/sweep", R"({"models.generator.width": {"values": [1], "range": {"from": 1, "to": 2, "step": 1}}})"},
      {"/sweep", R"({"losses": {"values": [[{"use": "hing"}]]}})"},
      {"/sweep", R"({"losses.0.use": {"values": ["hing"]}})"},
      {"/sweep", R"({"train.ema.decay": {"values": [1]}})"},
      {"/sweep", R"({"train.rounds": {"range": {"from": 1, "to": 5}}})"},
      {"/sweep", R"({"optimizers.generator.lr": {"logspace": {"from": 0, "to": 1e-2, "n": 3}}})"},
      {"/sweep", R"({"optimizers.generator.lr": {"random": {"log_uniform": {"from": 1e-4, "to": 1e-2}}}})"},
      {"/sweep", R"({"w": {"zip": {"models.generator.width": [8, "x"]}}})"},
      {"/sweep", R"({"g": {"oneOf": [{"name": "a"}]}})"},
      {"/sweep", R"({"g": {"oneOf": [{"set": {"losses.0.use": "hing"}}]}})"},
  };
  for (const auto& [pointer, value] : faulty) {
    INFO(pointer << " " << value);
    CHECK(judge.fault(changed(pointer, Json::parse(value))) != "");
    CHECK(refusal(changed(pointer, Json::parse(value))) != "accepted");
  }
  Json nameless = base();
  nameless.erase("name");
  CHECK(judge.fault(nameless) != "");
}

TEST_CASE("a file that extends others need not be whole and may take away") {
  Judge judge;
  CHECK(judge.fault(
            Json::parse(R"({"extends": "base.json", "train": {"rounds": null, "batch": 3}, "metrics": null,
      "models": {"generator": {"width": null}, "critic": null}, "sweep": {"train.rounds": null}})")) == "");
  CHECK(judge.fault(Json::parse(R"({"extends": "b.json", "prune": {"eta": 4, "warmup": null}})")) == "");
  CHECK(judge.fault(Json::parse(R"({"extends": "b.json", "prune": null})")) == "");
  CHECK(judge.fault(Json::parse(R"({"extends": "b.json", "prune": {"ete": 4}})")) != "");
  CHECK(judge.fault(Json::parse(R"({"extends": [], "name": "x"})")) != "");
  CHECK(judge.fault(Json::parse(
            R"({"extends": "b.json", "models": {"generator": {"use": "dcgan", "widht": null}}})")) != "");
  CHECK(judge.fault(changed("/train", {{"rounds", nullptr}})) != "");
}
