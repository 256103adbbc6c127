// What two trials must share to be the same one.
#include <catch2/catch.hpp>

#include <functional>

#include <common/sha256.hpp>
#include <grid/identity.hpp>

#include "fixture.hpp"

using namespace saddle;
using namespace saddle::test;

namespace {

std::string hash_of(const Json& grid, const Catalogue& known = catalogue()) {
  return plan_of(grid, {}, known).trials.at(0).config->hash;
}

// The same value with the keys of every object in reverse.
std::string reversed(const Json& value) {
  std::string text;
  if (value.is_object()) {
    for (const auto& [key, entry] : value.items())
      text = Json(key).dump() + ":" + reversed(entry) + (text.empty() ? "" : ",") + text;
    return "{" + text + "}";
  }
  if (value.is_array()) {
    for (const Json& entry : value) text += (text.empty() ? "" : ",") + reversed(entry);
    return "[" + text + "]";
  }
  return value.dump();
}

Json rich() {
  Json grid = base();
  grid["models"]["generator"]["width"] = 32;
  grid["losses"] = {{{"use", "hinge"}, {"margin", 2.0}}, {{"use", "gradient_penalty"}, {"weight", 10.0}}};
  grid["optimizers"]["generator"]["schedule"] = {{"use", "linear"}, {"from", 10}};
  grid["train"] = {{"rounds", 100},
                   {"ema", {{"decay", 0.9}}},
                   {"augment", {{{"use", "flip"}}}},
                   {"updates", {{"discriminator", 2}}}};
  grid["metrics"] = {{{"use", "frechet"}, {"every", 50}}};
  return grid;
}

}  // namespace

TEST_CASE("the order of keys is no part of a config's identity") {
  const Plan plain = plan_of(rich());
  const Plan turned = plan_text(reversed(rich()));
  CHECK(reversed(rich()) != rich().dump());
  CHECK(plain.trials[0].config->hash == turned.trials[0].config->hash);
  CHECK(plain.trials[0].trial_hash == turned.trials[0].trial_hash);
  CHECK(plain.trials[0].config->resolved() == turned.trials[0].config->resolved());
}

TEST_CASE("the spelling of a number is no part of it either") {
  const auto with = [](const std::string& width, const std::string& margin) {
    std::string text = rich().dump();
    text.replace(text.find("\"width\":32"), 10, "\"width\":" + width);
    text.replace(text.find("\"margin\":2.0"), 12, "\"margin\":" + margin);
    return plan_text(text).trials.at(0).config;
  };
  const auto plain = with("32", "2.0");
  for (const auto& [width, margin] : std::vector<std::pair<std::string, std::string>>{
           {"32.0", "2"}, {"3.2e1", "2e0"}, {"320E-1", "0.2e+1"}}) {
    CHECK(with(width, margin)->hash == plain->hash);
    CHECK(with(width, margin)->resolved().dump() == plain->resolved().dump());
  }
  CHECK(with("33", "2.0")->hash != plain->hash);
  CHECK(with("32", "2.0000000000000004")->hash != plain->hash);
}

TEST_CASE("writing every default out does not re-key, and a resolved config resolves to itself") {
  for (const Json& grid : {base(), rich()}) {
    const Plan plan = plan_of(grid);
    Json written = plan.trials[0].config->resolved();
    written["name"] = "t";
    const Plan again = plan_of(written);
    CHECK(again.trials[0].config->hash == plan.trials[0].config->hash);
    CHECK(again.trials[0].config->resolved() == plan.trials[0].config->resolved());
  }
}

TEST_CASE("every other value that is changed does re-key") {
  const std::string before = hash_of(rich());
  const std::vector<std::pair<std::string, Json>> changes = {{"/dataset/test_share", 0.3},
                                                             {"/models/generator/width", 48},
                                                             {"/models/generator/norm", "spectral"},
                                                             {"/models/discriminator/init", "orthogonal"},
                                                             {"/models/discriminator/use", "mlp"},
                                                             {"/losses/0/margin", 1.5},
                                                             {"/losses/1/weight", 5},
                                                             {"/optimizers/generator/lr", 1e-3},
                                                             {"/optimizers/generator/betas", {0.0, 0.9}},
                                                             {"/optimizers/generator/schedule/from", 20},
                                                             {"/optimizers/generator/schedule/to", 90},
                                                             {"/optimizers/generator/schedule/warmup", 5},
                                                             {"/optimizers/discriminator/use", "sgd"},
                                                             {"/train/rounds", 200},
                                                             {"/train/batch", 32},
                                                             {"/train/ema/decay", 0.99},
                                                             {"/train/latent/use", "uniform"},
                                                             {"/train/updates/generator", 3},
                                                             {"/train/order", {"generator", "discriminator"}},
                                                             {"/train/augment/0/chance", 0.25},
                                                             {"/train/threads", 2},
                                                             {"/train/precision", "bfloat16"},
                                                             {"/metrics/0/samples", 500},
                                                             {"/metrics/0/weights", "raw"},
                                                             {"/metrics/0/features", "discriminator.logit"}};
  for (const auto& [pointer, value] : changes) {
    Json grid = rich();
    grid[Json::json_pointer(pointer)] = value;
    INFO(pointer);
    CHECK(hash_of(grid) != before);
  }
}

TEST_CASE("name, limits, prune, record, checkpoint and seed are not in the config's hash") {
  Json grid = rich();
  const Plan plan = plan_of(grid);
  grid["name"] = "another";
  grid["limits"] = {{"time_s", 60}};
  grid["prune"] = {{"use", "median"}, {"metric", "frechet"}};
  grid["record"] = {{"every", 1}};
  grid["checkpoint"] = {{"every", 7}};
  grid["seeds"] = {0, 1};
  const Plan other = plan_of(grid);
  CHECK(other.trials[0].config->hash == plan.trials[0].config->hash);
  CHECK(other.trials[0].trial_hash == plan.trials[0].trial_hash);
  CHECK(other.trials[1].config->hash == plan.trials[0].config->hash);
  CHECK(other.trials[1].trial_hash != plan.trials[0].trial_hash);
}

TEST_CASE("a raised version re-keys, a new parameter at its default does not") {
  const std::string before = hash_of(rich());
  const auto changed = [](const std::string& name, const std::function<void(Json&)>& change) {
    Json components = component_list();
    for (Json& component : components) {
      if (component["name"] == name) change(component);
    }
    return catalogue_of(components);
  };
  for (const char* name : {"digits", "dcgan", "hinge", "gradient_penalty", "frechet", "flip"}) {
    INFO(name);
    CHECK(hash_of(rich(), changed(name, [](Json& c) { c["version"] = "2"; })) != before);
    CHECK(hash_of(rich(), changed(name, [](Json& c) {
                    c["parameters"]["properties"]["new_one"] = {{"type", "number"}, {"default", 3}};
                  })) == before);
  }
  CHECK(hash_of(rich(), changed("ns", [](Json& c) { c["version"] = "2"; })) == before);
}

TEST_CASE("the canonical text") {
  CHECK(canonical_json(Json::parse(
            R"({"b": [1, 1.0, 1e0, 0.1, 1e300, -2.5e-7], "a": {"\u00e9\n": null}, "c": true})")) ==
        "{\"a\":{\"\xC3\xA9\\n\":null},\"b\":[1,1.0,1.0,0.1,1e+300,-2.5e-07],\"c\":true}");
  CHECK(trial_hash(std::string(64, 'a'), 1) != trial_hash(std::string(64, 'a'), 2));
}

TEST_CASE("the identity of a config is the components at their versions and what differs from the defaults") {
  // Spelled out once, because every database depends on it.
  CHECK(hash_of(base()) == config_hash(Json::parse(R"({"dataset": {"use": "digits@1"},
            "losses": [{"use": "hinge@1"}],
            "models": {"discriminator": {"use": "dcgan@1"}, "generator": {"use": "dcgan@1"}},
            "optimizers": {"discriminator": {"use": "adam"}, "generator": {"use": "adam"}}})")));
  CHECK(hash_of(rich()) == config_hash(Json::parse(R"({"dataset": {"use": "digits@1"},
            "losses": [{"use": "hinge@1", "margin": 2.0}, {"use": "gradient_penalty@1", "weight": 10.0}],
            "models": {"discriminator": {"use": "dcgan@1"}, "generator": {"use": "dcgan@1", "width": 32}},
            "metrics": [{"use": "frechet@1", "every": 50}],
            "optimizers": {"discriminator": {"use": "adam"}, "generator": {"use": "adam", "schedule": {"use": "linear", "from": 10}}},
            "train": {"rounds": 100, "ema": {"decay": 0.9}, "augment": [{"use": "flip@1"}], "updates": {"discriminator": 2}}})")));
}

TEST_CASE("an extractor's weights are known by their hash, wherever they lie") {
  Scratch scratch;
  const auto first = scratch.write("a.safetensors", "some weights"),
             same = scratch.write("b/c.safetensors", "some weights"),
             other = scratch.write("d.safetensors", "other weights");
  const auto grid = [](const Json& features) {
    Json grid = base();
    grid["metrics"] = {{{"use", "frechet"}, {"features", features}}};
    return grid;
  };
  const auto with = [](const std::filesystem::path& file) {
    return Json{{"use", "inception"}, {"weights", file.string()}};
  };
  const Plan plan = plan_of(grid(with(first)));
  const Json features = plan.trials[0].config->resolved()["metrics"][0]["features"];
  const std::string hash = sha256("some weights");
  CHECK(features == Json{{"use", "inception"},
                         {"output", "features"},
                         {"size", 299},
                         {"weights", first.string()},
                         {"sha256", hash}});
  CHECK(hash_of(grid(with(same))) == hash_of(grid(with(first))));
  CHECK(hash_of(grid(with(other))) != hash_of(grid(with(first))));
  CHECK(hash_of(grid({{"use", "inception"}, {"weights", "random"}})) != hash_of(grid(with(first))));
  CHECK(hash_of(grid({{"use", "inception"}, {"weights", "random"}})) !=
        hash_of(grid({{"use", "inception"}, {"weights", "random"}, {"output", "logits"}})));

  Json pinned = with(first);
  pinned["sha256"] = hash;
  CHECK(hash_of(grid(pinned)) == hash_of(grid(with(first))));
  pinned["weights"] = other.string();
  CHECK(refusal(grid(pinned)).find("/metrics/0/features/sha256: " + other.string() + " has the SHA-256") !=
        std::string::npos);
  CHECK(plugin_files(plan.trials[0].config->resolved(), catalogue()).contains("model/inception"));

  // What ./saddle fetch brought is found by the extractor's name.
  scratch.write("data/extractors/inception.safetensors", "some weights");
  ::setenv("SADDLE_DATA", (scratch.path() / "data").c_str(), 1);
  const Plan fetched = plan_of(grid({{"use", "inception"}}));
  ::unsetenv("SADDLE_DATA");
  CHECK(fetched.trials[0].config->hash == plan.trials[0].config->hash);
  CHECK(fetched.trials[0].config->resolved()["metrics"][0]["features"]["weights"] == "");
}

TEST_CASE("instance selection is part of what a trial is, its extractor's weights by their hash") {
  Scratch scratch;
  const auto first = scratch.write("a.safetensors", "some weights"),
             same = scratch.write("b.safetensors", "some weights"),
             other = scratch.write("c.safetensors", "other weights");
  const auto grid = [](const Json& select) {
    Json grid = base();
    if (!select.is_null()) grid["dataset"]["select"] = select;
    return grid;
  };
  const auto with = [](const std::filesystem::path& file) {
    return Json{{"keep", 0.5}, {"features", {{"use", "inception"}, {"weights", file.string()}}}};
  };
  CHECK(hash_of(grid({{"keep", 0.5}})) != hash_of(grid(nullptr)));
  CHECK(hash_of(grid({{"keep", 0.5}})) != hash_of(grid({{"keep", 0.4}})));
  CHECK(hash_of(grid({{"keep", 0.5}, {"score", "gaussian"}, {"neighbours", 5}})) ==
        hash_of(grid({{"keep", 0.5}})));
  CHECK(hash_of(grid(with(first))) == hash_of(grid(with(same))));
  CHECK(hash_of(grid(with(first))) != hash_of(grid(with(other))));
  const Json config = plan_of(grid(with(first))).trials[0].config->resolved();
  CHECK(config["dataset"]["select"]["features"]["sha256"] == sha256("some weights"));
  CHECK(config["dataset"]["select"]["variance"] == 0.95);
  CHECK(plugin_files(config, catalogue()).contains("model/inception"));
}

TEST_CASE("an extractor's weights may be those of a trial") {
  Scratch scratch;
  const auto file = scratch.write("checkpoint.safetensors", "trained weights");
  Catalogue known = catalogue();
  Json asked;
  known.find_trained = [&](const Json& reference) -> TrainedWeights {
    asked = reference;
    if (reference.value("best", "") == "nothing") throw Error("no such metric");
    return {file, {{"trial", "0001-s0"}}};
  };
  const auto grid = [](const Json& weights) {
    Json grid = base();
    grid["metrics"] = {{{"use", "frechet"}, {"features", {{"use", "inception"}, {"weights", weights}}}}};
    return grid;
  };
  const Json reference = {{"experiment", "digits"}, {"best", "accuracy"}};
  const Plan plan = plan_of(grid(reference), {}, known);
  CHECK(asked == reference);
  const Json features = plan.trials[0].config->resolved()["metrics"][0]["features"];
  CHECK(features["weights"] == file.string());
  CHECK(features["trained"] == Json{{"trial", "0001-s0"}});
  // The trial's weights are what counts, not how they were named.
  CHECK(hash_of(grid({{"trial", "x"}}), known) == plan.trials[0].config->hash);
  CHECK(hash_of(grid(file.string()), known) == plan.trials[0].config->hash);
  // What is stored resolves to itself.
  Json stored = plan.trials[0].config->resolved();
  stored["name"] = "t";
  CHECK(hash_of(stored, known) == plan.trials[0].config->hash);

  const auto refused = [&](const Json& weights, const Catalogue& by) -> std::string {
    try {
      plan_of(grid(weights), {}, by);
    } catch (const Error& e) {
      return e.what();
    }
    return "accepted";
  };
  CHECK_THAT(refused({{"experiment", "digits"}, {"best", "nothing"}}, known),
             Catch::Contains("/metrics/0/features/weights: no such metric"));
  CHECK_THAT(refused({{"experiment", "digits"}}, known), Catch::Contains("or {\"trial\": NAME}"));
  CHECK_THAT(refused({{"experimnt", "digits"}}, known), Catch::Contains("Nearest: \"experiment\""));
  CHECK_THAT(refused(reference, catalogue()), Catch::Contains("there is no database here"));
}
