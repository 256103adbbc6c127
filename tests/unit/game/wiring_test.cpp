// Games of three and four players: one computes from what another one makes, losses are cast.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <catch2/catch.hpp>

#include <game/game.hpp>
#include <game/prove.hpp>
#include <game/sampling.hpp>
#include <game/step.hpp>
#include <train/checkpoint.hpp>
#include <train/random.hpp>
#include <train/safetensors.hpp>

#include "playing.hpp"

using namespace saddle::worker;
using Catch::Contains;
using saddle::test::copied;
using saddle::test::entry;
using saddle::test::json;
using saddle::test::Scratch;
namespace train = saddle::train;

namespace {

// StackGAN's four players on pictures of 8 x 8: `base` and `judge` at 4 x 4, and the generator, which refines
// what base makes, with its discriminator.
json stacked(const Scratch& scratch, bool detach) {
  saddle::test::write_idx(scratch.folder);
  json t = saddle::test::trial_json();
  json& c = t["config"];
  c["dataset"] = entry(t, "dataset", "idx", {{"path", scratch.folder.string()}});
  const auto player = [&](const std::string& name, const std::string& role, json more) {
    more.update({{"width", 2}, {"condition", 3}, {"ratio", 2}, {"blocks", 1}});
    c["models"][name] = entry(t, "model", "stackgan", more);
    c["models"][name].update({{"role", role}, {"init", "default"}, {"norm", "default"}});
    c["optimizers"][name] = c["optimizers"]["generator"];
    c["train"]["updates"][name] = 1;
  };
  player("base", "generator", {{"side", 4}});
  player("judge", "discriminator", {{"side", 4}});
  player("generator", "refiner", {{"inputs", {{"image", {{"from", "base.image"}, {"detach", detach}}}}}});
  player("discriminator", "discriminator", json::object());
  c["losses"] = {entry(t, "loss", "ns", {{"weight", 1.0}}),
                 entry(t, "loss", "ns",
                       {{"weight", 1.0}, {"players", {{"generator", "base"}, {"discriminator", "judge"}}}})};
  c["train"]["order"] = {"base", "discriminator", "judge", "generator"};
  c["train"]["batch"] = 8;
  return t;
}

// SinGAN's pyramid of two scales on one picture of 12 x 12, the coarse one of 8 x 8.
json pyramid(const Scratch& scratch) {
  json t = saddle::test::trial_json();
  json& c = t["config"];
  const auto file = scratch.folder / "picture.safetensors";
  train::write_safetensors(file, {{"images", at::randint(256, {1, 3, 12, 12}, at::kByte)}});
  c["dataset"] = entry(t, "dataset", "safetensors", {{"path", file.string()}});
  const auto player = [&](const std::string& name, const std::string& role, json more) {
    more["width"] = 2;
    c["models"][name] = entry(t, "model", "singan", more);
    c["models"][name].update({{"role", role}, {"init", "default"}, {"norm", "default"}});
    c["optimizers"][name] = c["optimizers"]["generator"];
  };
  player("scale0", "generator", {{"side", 8}});
  player("judge0", "discriminator", {{"side", 8}});
  player("generator", "refiner",
         {{"offset", 64}, {"inputs", {{"image", {{"from", "scale0.image"}, {"detach", true}}}}}});
  player("discriminator", "discriminator", json::object());
  const json below = {{"generator", "scale0"}, {"discriminator", "judge0"}};
  c["losses"] = json::array();
  for (const bool whole : {false, true})
    for (const auto& [loss, more] : std::map<std::string, json>{{"wasserstein", json::object()},
                                                                {"gradient_penalty", {{"over", "places"}}},
                                                                {"fixed_noise", {{"elements", 64}}}}) {
      c["losses"].push_back(entry(t, "loss", loss, more));
      c["losses"].back()["weight"] = 1.0;
      if (!whole) c["losses"].back()["players"] = below;
    }
  c["train"]["order"] = {"discriminator", "judge0", "scale0", "generator"};
  c["train"]["batch"] = 1;
  c["train"]["latent"]["size"] = 64 + 144;
  c["train"]["during"] = {
      {"scale0", {0, 6}}, {"judge0", {0, 6}}, {"generator", {6, 12}}, {"discriminator", {6, 12}}};
  return t;
}

// Players whose weights a round moves, and the names of what it records.
std::set<std::string> moved(Game& game, int64_t round, std::set<std::string>* recorded = nullptr) {
  const auto before = copied(game.state());
  Record record;
  Fault fault;
  REQUIRE(game.play(round, &record, &fault));
  if (recorded)
    for (const auto& [name, value] : record) recorded->insert(name);
  std::set<std::string> players;
  for (const auto& [name, tensor] : game.state())
    if (const size_t raw = name.find("/raw/"); raw != std::string::npos &&
                                               name.find("running") == std::string::npos &&
                                               !at::equal(tensor, before.at(name)))
      players.insert(name.substr(0, raw));
  return players;
}

std::string error_of(const json& trial) {
  try {
    Game game(Trial::from_json(trial));
    return "";
  } catch (const PlacedError& e) {
    return e.pointer + ": " + e.what();
  }
}

}  // namespace

TEST_CASE("a player that computes from another one teaches it, unless detached") {
  const Scratch scratch;
  for (const bool detach : {true, false}) {
    json t = stacked(scratch, detach);
    INFO((detach ? "detached" : "attached"));
    std::set<std::string> recorded;
    Game game(Trial::from_json(t));
    CHECK(moved(game, 0, &recorded) == std::set<std::string>{"base", "judge", "generator", "discriminator"});
    CHECK(recorded.contains("generator/ns/fake"));
    CHECK(recorded.contains("base/ns#2/fake"));
    CHECK(recorded.contains("judge/ns#2/real"));
    CHECK(recorded.contains("base/ns/fake") == !detach);
    CHECK_FALSE(recorded.contains("generator/ns#2/fake"));
    CHECK_FALSE(recorded.contains("judge/ns/real"));

    // Without a loss of its own the base is taught by the refiner's, or by nobody.
    t["config"]["losses"].erase(1);
    t["config"]["models"].erase("judge");
    t["config"]["optimizers"].erase("judge");
    t["config"]["train"]["order"] = {"base", "discriminator", "generator"};
    if (detach) {
      CHECK_THAT(error_of(t), Contains("no loss says what player 'base' should minimise"));
    } else {
      t["config"]["train"]["order"] = {"base"};
      Game three(Trial::from_json(t));
      CHECK(moved(three, 0) == std::set<std::string>{"base"});
    }
  }
}

TEST_CASE("the gradient of a player behind another one is that of the whole") {
  const Scratch scratch;
  Game game(Trial::from_json(stacked(scratch, false)));
  Player& base = *game.players().at("base");
  const int64_t number = game.next_update();
  base.update->begin(number);
  for (const auto& [name, player] : game.players())
    if (name != "base") player->model.weights.begin(number, train::Use::other);
  at::manual_seed(3);
  PlayerStep step(game, base, number);
  step.play(game.wiring().cast(0));
  const at::Tensor logit = step.output("discriminator", "fake", "logit");
  const auto found = base.update->gradients(logit.sum());

  // The same by hand: the three networks one behind the other, on the same z and random numbers.
  at::manual_seed(3);
  const NamedTensors inputs = {{"z", step.input("latent.z")}, {"label", step.input("latent.label")}};
  const at::Tensor coarse = find(base.forward(inputs, number, true), "image");
  Player& refiner = *game.players().at("generator");
  const at::Tensor image = find(
      refiner.forward({{"image", coarse}, {"label", step.input("latent.label")}}, number, true), "image");
  CHECK(at::allclose(image, step.input("fake.image")));
  Player& judge = *game.players().at("discriminator");
  const auto expected = base.update->gradients(
      find(judge.forward({{"image", image}, {"label", step.input("latent.label")}}, number, true), "logit")
          .sum());
  REQUIRE(found.size() == expected.size());
  double size = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    CHECK(at::allclose(found[i], expected[i], 1e-4, 1e-6));
    size += found[i].abs().sum().item<double>();
  }
  CHECK(size > 0);
}

TEST_CASE("a cast's samples are its generator's, and real ones of its side") {
  const Scratch scratch;
  Game game(Trial::from_json(stacked(scratch, true)));
  Player& judge = *game.players().at("judge");
  const int64_t number = game.next_update();
  for (const auto& [name, player] : game.players()) player->model.weights.begin(number, train::Use::measure);
  PlayerStep step(game, judge, number);
  const at::Tensor large = step.input("real.image"), made = step.input("fake.image");
  step.play(game.wiring().cast(1));
  step.mark("real@4.image");
  const at::Tensor small = step.input("real.image"), coarse = step.input("fake.image");
  CHECK(at::equal(small.detach(), at::adaptive_avg_pool2d(large, {4, 4})));
  CHECK(small.requires_grad());
  CHECK(at::equal(step.input("real.label"), [&] {
    step.play(game.wiring().cast(0));
    return step.input("real.label");
  }()));
  step.play(game.wiring().cast(1));
  CHECK(coarse.sizes() == at::IntArrayRef({8, 1, 4, 4}));
  CHECK_FALSE(coarse.requires_grad());
  CHECK(at::equal(coarse, step.output("generator", "latent", "image").detach()));
  CHECK(step.output("discriminator", "fake", "logit").sizes() == at::IntArrayRef({8, 1}));
  step.play(game.wiring().cast(0));
  CHECK(at::equal(made, step.output("generator", "latent", "image").detach()));
  CHECK(made.sizes() == at::IntArrayRef({8, 1, 8, 8}));
}

TEST_CASE("a player of a smaller side is measured with on pictures of its side") {
  const Scratch scratch;
  Game game(Trial::from_json(stacked(scratch, true)));
  const Batch real = game.data().take(5);
  const at::Tensor features = game.features("judge.features", real.image, real.label);
  CHECK(at::equal(features,
                  game.features("judge.features", at::adaptive_avg_pool2d(real.image, {4, 4}), real.label)));
}

TEST_CASE("samples come out of the whole chain, with averaged weights throughout") {
  const Scratch scratch;
  json t = stacked(scratch, true);
  for (const char* player : {"base", "generator"}) t["config"]["models"][player]["augment_condition"] = false;
  Game game(Trial::from_json(t));
  Fault fault;
  for (int64_t round = 0; round < 3; ++round) REQUIRE(game.play(round, nullptr, &fault));
  for (const bool average : {true, false}) {
    Sampler sampler(game, {.average = average}, 0);
    const at::Generator draws = train::make_generator(5, "z");
    const at::Tensor z = sampler.latent(6, draws), label = sampler.labels(6, draws);
    const int64_t number = game.next_update();
    const at::NoGradGuard no_grad;
    const auto pass = [&](const std::string& name, const NamedTensors& inputs) {
      Player& p = *game.players().at(name);
      auto& weights = average ? *p.average_weights : p.model.weights;
      weights.begin(number, train::Use::measure);
      const Declared& declared = p.model.instance.declared();
      return find(p.model.instance.forward(weights_of(declared, weights, number),
                                           buffers_of(declared, average ? p.average->set() : p.model.set),
                                           inputs, false),
                  "image");
    };
    const at::Tensor expected =
        pass("generator", {{"image", pass("base", {{"z", z}, {"label", label}})}, {"label", label}});
    CHECK(at::allclose(Sampler(game, {.average = average}, 0).images(z, label), expected));
  }
}

TEST_CASE("a player is updated during its rounds only; four players go on bit for bit") {
  const Scratch scratch;
  json t = stacked(scratch, true);
  t["config"]["train"]["during"] = {
      {"base", {0, 2}}, {"judge", {0, 2}}, {"generator", {2, 4}}, {"discriminator", {2, 12}}};
  Game game(Trial::from_json(t));
  CHECK(game.first_rounds() == std::vector<int64_t>{0, 2});
  CHECK(moved(game, 1) == std::set<std::string>{"base", "judge"});
  const auto saved = copied(game.state());
  CHECK(moved(game, 2) == std::set<std::string>{"generator", "discriminator"});
  CHECK(moved(game, 4) == std::set<std::string>{"discriminator"});
  Game resumed(Trial::from_json(t));
  resumed.load_state(saved);
  (void)moved(resumed, 2);
  (void)moved(resumed, 4);
  for (const auto& [name, tensor] : resumed.state()) {
    INFO(name);
    CHECK(at::equal(tensor, game.state().at(name)));
  }
  for (const json& window : {json{3}, json{2, 2}, json{-1, 2}, json{12, 14}, json("all")}) {
    t["config"]["train"]["during"]["base"] = window;
    CHECK_THAT(error_of(t), Contains("/train/during/base: expected [from, to]"));
  }
  t["config"]["train"]["during"] = {{"bass", {0, 2}}};
  CHECK_THAT(error_of(t), Contains("/train/during/bass: there is no player 'bass' that is trained"));
}

TEST_CASE("what cannot be wired says where and why") {
  const Scratch scratch;
  const auto with = [&](const std::string& pointer, const json& value) {
    json t = stacked(scratch, true);
    t["config"]["losses"].push_back(
        entry(t, "loss", "conditioning", {{"weight", 1.0}}));  // asks for its shape
    t["config"][json::json_pointer(pointer)] = value;
    return error_of(t);
  };
  CHECK_THAT(with("/models/generator/inputs/image", "nobody.image"),
             Contains("/models/generator/inputs/image: there is no model 'nobody'"));
  CHECK_THAT(with("/models/generator/inputs/image", "base"), Contains("expected \"PLAYER.OUTPUT\""));
  CHECK_THAT(with("/models/generator/inputs/image", {{"from", "base.image"}, {"detached", true}}),
             Contains("expected \"PLAYER.OUTPUT\""));
  CHECK_THAT(with("/models/generator/inputs/image", "generator.image"),
             Contains("'generator' is to compute from what it makes itself"));
  CHECK_THAT(with("/models/generator/inputs/imag", "base.image"),
             Contains("/models/generator/inputs/imag: it takes no input 'imag'"));
  CHECK_THAT(with("/models/generator/inputs/image", "base.logit"), Contains("gives no output 'logit'"));
  CHECK_THAT(with("/models/base/side", 16), Contains("/models/base/side: pictures of side 16"));
  CHECK_THAT(with("/losses/1/players/generator", "nobody"),
             Contains("/losses/1/players/generator: there is no model"));
  CHECK_THAT(with("/losses/1/players/generator", "generator"), Contains("pictures of different sides"));
  CHECK_THAT(with("/losses/1/players/player", "base"), Contains("nobody plays the role 'player'"));
  CHECK(with("/models/generator/blocks", 2) == "");
}

TEST_CASE("a pyramid of games on one picture is proved in batches of one, each scale in its rounds") {
  const Scratch scratch;
  json t = pyramid(scratch);
  json& c = t["config"];
  const json proof = prove({{"id", 1}, {"config", c}, {"plugins", t["plugins"]}});
  INFO(proof.dump());
  REQUIRE(proof.at("ok").get<bool>());
  CHECK(proof["models"]["judge0"]["outputs"]["logit"] == json{1, 64});
  CHECK(proof["models"]["generator"]["outputs"]["image"] == json{1, 3, 12, 12});

  Game game(Trial::from_json(t));
  CHECK(moved(game, 0) == std::set<std::string>{"scale0", "judge0"});
  CHECK(moved(game, 6) == std::set<std::string>{"generator", "discriminator"});
  // The fixed z is the same at both scales: what the coarse one makes of it is what the fine one refines.
  CHECK(game.generate(2, train::make_generator(1, "z"), false).image.sizes() ==
        at::IntArrayRef({2, 3, 12, 12}));

  c["train"]["batch"] = 2;
  CHECK_THAT(error_of(t), Contains("fewer than a batch of 2"));
}

TEST_CASE("a player may start with the weights of another one when its rounds begin") {
  const Scratch scratch;
  json t = pyramid(scratch);
  json& c = t["config"];
  c["models"]["generator"]["from"] = {{"player", "scale0"}};
  c["models"]["discriminator"]["from"] = {{"player", "judge0"}};
  // Players that are updated and do not move show what they began with.
  for (const char* player : {"generator", "discriminator"}) c["optimizers"][player]["lr"] = 0.0;
  Game game(Trial::from_json(t));
  game.take_past();  // nothing of the past
  for (int64_t round = 0; round < 6; ++round) (void)moved(game, round);
  const auto before = copied(game.state());
  (void)moved(game, 6);
  const auto after = game.state();
  size_t same = 0;
  for (const std::pair<std::string, std::string>& pair :
       {std::pair<std::string, std::string>{"generator", "scale0"}, {"discriminator", "judge0"}})
    for (const auto& [name, tensor] : train::with_prefix(after, pair.first + "/raw/")) {
      INFO(pair.first << " " << name);
      const bool buffer = name.find("running") != std::string::npos || name == "error";
      if (!buffer) {
        CHECK(at::equal(tensor, before.at(pair.second + "/raw/" + name)));
        CHECK(at::equal(tensor, after.at(pair.first + "/ema/" + name)));
        ++same;
      } else if (name.ends_with("running_mean")) {
        CHECK_FALSE(at::equal(tensor, before.at(pair.second + "/raw/" + name)));
      }
    }
  CHECK(same == 2 * 14);  // five convolutions, one of them with a bias, and four norms of two
  // It is copied once, and the optimizer begins anew.
  CHECK(after.at("generator/optimizer/step").item<double>() == 1);
  CHECK(after.at("scale0/optimizer/step").item<double>() == 6);
  const auto once = copied(after);
  (void)moved(game, 0);  // scale0 moves on
  (void)moved(game, 7);
  for (const auto& [name, tensor] : train::with_prefix(game.state(), "generator/raw/conv"))
    CHECK(at::equal(tensor, once.at("generator/raw/conv" + name)));

  // A trial that was cut off at that very round takes them as well.
  Game resumed(Trial::from_json(t));
  resumed.load_state(before);
  (void)moved(resumed, 6);
  for (const auto& [name, tensor] : resumed.state()) {
    INFO(name);
    CHECK(at::equal(tensor, once.at(name)));
  }

  const auto with = [&](const std::string& pointer, const json& value) {
    json changed = t;
    changed["config"][json::json_pointer(pointer)] = value;
    return error_of(changed);
  };
  CHECK_THAT(with("/models/generator/from/player", "nobody"),
             Contains("/models/generator/from: there is no model 'nobody'"));
  CHECK_THAT(with("/models/generator/from/player", "generator"),
             Contains("/models/generator/from: 'generator' is to start with its own weights"));
  c["models"]["generator"]["width"] = 3;
  const json proof = prove({{"id", 1}, {"config", c}, {"plugins", t["plugins"]}});
  CHECK(proof.value("pointer", "") == "/models/generator/from");
  CHECK_THAT(proof.value("message", ""), Contains("the weights of 'scale0' of this game do not fit"));
}

namespace {

// Remembers the z of which fixed_noise wants the picture.
struct Asked : StepSource {
  at::Tensor z;
  at::Tensor input(const std::string& name) override {
    return name == "real.image" ? at::zeros({1, 3, 12, 12}) : at::Tensor();
  }
  at::Tensor output(const std::string&, const std::string&, const std::string&) override { return {}; }
  NamedTensors run(const std::string&, const NamedTensors& inputs) override {
    z = find(inputs, "z");
    return {{"image", at::zeros({1, 3, 12, 12})}};
  }
};

}  // namespace

TEST_CASE("a scale measures the error of what it begins with, when it begins") {
  const Scratch scratch;
  json t = pyramid(scratch);
  t["config"]["train"]["resting"] = "evaluation";
  t["config"]["train"]["order"] = {"scale0", "judge0", "generator", "discriminator"};
  const Trial trial = Trial::from_json(t);
  Game game(trial);
  for (int64_t round = 0; round < 6; ++round) (void)moved(game, round);
  CHECK(game.state().at("generator/raw/error").item<double>() == 0);

  Asked asked;
  json facts = game.facts();
  const json entry = {{"use", "fixed_noise"}, {"elements", 64}, {"seed", 0}};
  const Loss fixed(trial.component("loss", entry), own_parameters("loss", entry), facts);
  fixed.compute(asked, "generator", 0, {}, {});
  REQUIRE(asked.z.sizes() == at::IntArrayRef({1, 64 + 144}));
  CHECK(asked.z.slice(1, 64).abs().max().item<double>() == 0);
  const at::NoGradGuard no_grad;
  Player& coarse = *game.players().at("scale0");
  const int64_t number = game.next_update();
  coarse.model.weights.begin(number, train::Use::measure);
  const at::Tensor small = find(coarse.forward({{"z", asked.z}}, number, /*training=*/false), "image");
  const double error = (at::upsample_bilinear2d(small, {12, 12}, false) - game.data().take(1).image)
                           .square()
                           .mean()
                           .sqrt()
                           .item<double>();

  const auto at_rest = copied(train::with_prefix(game.state(), "scale0/raw/"));
  {
    const at::AutoGradMode recording(true);
    for (int64_t round = 6; round < 9; ++round) {
      (void)moved(game, round);
      CHECK(game.state().at("generator/raw/error").item<double>() == Approx(error).epsilon(1e-5));
    }
  }
  // It rests: computes in evaluation, and its norms keep nothing of what they see.
  for (const auto& [name, tensor] : train::with_prefix(game.state(), "scale0/raw/")) {
    INFO(name);
    CHECK(at::equal(tensor, at_rest.at(name)));
  }
  t["config"]["train"].erase("resting");
  Game restless(Trial::from_json(t));
  {
    const at::AutoGradMode recording(true);
    (void)moved(restless, 0);
  }
  const at::Tensor seen = restless.state().at("scale0/raw/norm0.running_mean").clone();
  {
    const at::AutoGradMode recording(true);
    (void)moved(restless, 6);
  }
  CHECK_FALSE(at::equal(restless.state().at("scale0/raw/norm0.running_mean"), seen));
}
