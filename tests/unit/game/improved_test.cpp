// What Salimans et al. 2016 ask of a game: few labels, weights and reference batches that start from data, a
// game that circles unless its players are drawn to their past.
#include <ATen/ATen.h>

#include <catch2/catch.hpp>

#include <cmath>

#include <game/game.hpp>
#include <game/labelled.hpp>
#include <game/measure.hpp>
#include <game/prove.hpp>

#include "playing.hpp"

using namespace saddle::worker;
using saddle::test::copied;
using saddle::test::entry;
using saddle::test::json;
using saddle::test::OwnCache;
using saddle::test::Scratch;
using saddle::test::trial_json;
namespace train = saddle::train;

namespace {

// 64 pictures with ten classes: four of them have seven samples, the others six.
json pictures(const Scratch& scratch) {
  saddle::test::write_idx(scratch.folder);
  json t = trial_json();
  json& c = t["config"];
  c["dataset"] = entry(t, "dataset", "idx", {{"path", scratch.folder.string()}});
  c["models"]["discriminator"] = entry(t, "model", "improved_gan", {{"width", 16}});
  c["models"]["discriminator"].update({{"role", "discriminator"}, {"init", "data"}, {"norm", "default"}});
  c["losses"] = {entry(t, "loss", "semi_supervised", {{"weight", 1.0}}),
                 entry(t, "loss", "feature_matching", {{"weight", 1.0}})};
  c["train"]["batch"] = 16;
  return t;
}

void play(Game& game, int64_t from, int64_t to) {
  for (int64_t round = from; round < to; ++round) {
    Fault fault;
    REQUIRE(game.play(round, nullptr, &fault));
  }
}

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const std::exception& e) {
    return e.what();
  }
  return "";
}

// The distance of the first pair of numbers from the equilibrium (1, 1) of toy_game, over the rounds.
std::vector<double> distances(bool averaged, int64_t rounds) {
  json t = trial_json();
  json& c = t["config"];
  for (const char* player : {"generator", "discriminator"}) {
    const bool x = std::string(player) == "generator";
    c["models"][player] =
        entry(t, "model", "particles", x ? json{{"count", 1}, {"width", 3.0}} : json{{"slope", {2.0, 2.0}}});
    c["models"][player].update({{"role", player}, {"init", "default"}, {"norm", "default"}});
    c["optimizers"][player] = {{"use", "sgd"},      {"lr", 0.05},
                               {"momentum", 0.0},   {"dampening", 0.0},
                               {"nesterov", false}, {"weight_decay", 0},
                               {"clip_norm", 0.0},  {"schedule", {{"use", "constant"}, {"warmup", 0}}}};
  }
  c["losses"] = {entry(t, "loss", "toy_game", {{"weight", 1.0}})};
  if (averaged)
    c["losses"].push_back(entry(t, "loss", "historical_averaging", {{"weight", 1.0}, {"strength", 0.1}}));
  c["train"]["ema"]["decay"] = 0.0;
  Game game(Trial::from_json(t));
  std::vector<double> list;
  const auto at = [&](const char* tensor) { return game.state().at(tensor).flatten()[0].item<double>(); };
  for (int64_t round = 0; round < rounds; ++round) {
    play(game, round, round + 1);
    list.push_back(std::hypot(at("generator/raw/points") - 1, at("discriminator/raw/slope") - 1));
  }
  return list;
}

}  // namespace

TEST_CASE("few labels: as many of each class as of any other, which ones by the seed") {
  const Scratch scratch;
  json t = pictures(scratch);
  Game game(Trial::from_json(t));
  const Dataset& data = game.dataset();
  const LabelledSource few(data, 20, 5, 16, 3), again(data, 20, 5, 8, 4), other(data, 20, 6, 16, 3),
      all(data, 0, 5, 16, 3);
  REQUIRE(few.places().numel() == 20);
  CHECK(at::equal(few.places(), again.places()));
  CHECK_FALSE(at::equal(few.places(), other.places()));
  CHECK(all.places().numel() == 64);
  CHECK(at::equal(few.places().remainder(10).bincount({}, 10), at::full({10}, 2, at::kLong)));

  CHECK_THAT(error_of([&] { LabelledSource(data, 25, 5, 16, 3); }),
             Catch::Contains("choose a multiple of 10"));
  CHECK_THAT(error_of([&] { LabelledSource(data, 80, 5, 16, 3); }),
             Catch::Contains("8 of each class are wanted, and class 0 has 7"));
}

TEST_CASE("few labels of selected samples: only those of dataset.select are drawn from") {
  const Scratch scratch;
  const OwnCache cache(scratch.folder / "cache");
  json t = pictures(scratch);
  auto& dataset = t["config"]["dataset"];
  dataset["labelled"] = 20;
  dataset["select"] = {{"score", "gaussian"},   {"keep", 0.5},     {"features", "pixels"},
                       {"per_class", true},     {"neighbours", 5}, {"variance", 0.95},
                       {"regularisation", 1e-5}};
  Game game(Trial::from_json(t));
  play(game, 0, 2);
  const at::Tensor selected = game.data().selected(), few = game.state().at("labelled/places");
  REQUIRE(selected.numel() == 34);  // 3 of 6, 4 of 7
  REQUIRE(few.numel() == 20);
  CHECK(at::isin(few, selected).all().item<bool>());
  CHECK(at::equal(few.remainder(10).bincount({}, 10), at::full({10}, 2, at::kLong)));
  // A loss that looks at labelled samples where all have labels sees the selected ones, too.
  const LabelledSource all(game.dataset(), 0, 5, 16, 3, selected);
  CHECK(at::equal(all.places(), selected));

  CHECK_THAT(error_of([&] { LabelledSource(game.dataset(), 40, 5, 16, 3, selected); }),
             Catch::Contains("4 of each class are wanted, and class 4 has 3 after dataset.select"));
  // A proof says so before any score is computed.
  dataset["labelled"] = 40;
  const json answer = prove({{"id", 1}, {"config", t["config"]}, {"plugins", t["plugins"]}});
  CHECK(answer["pointer"] == "/dataset/labelled");
  CHECK_THAT(answer.value("message", ""),
             Catch::Contains("are 4 of each class, and of class 4 dataset.select leaves 3"));
}

TEST_CASE("labelled batches hold the few alike often, with their own labels, and go on from a checkpoint") {
  const Scratch scratch;
  json t = pictures(scratch);
  Game game(Trial::from_json(t));
  LabelledSource few(game.dataset(), 10, 5, 16, 3), twin(game.dataset(), 10, 5, 16, 3);
  at::Tensor seen = at::zeros({10}, at::kLong);
  for (int i = 0; i < 5; ++i) {
    const Batch batch = few.next();
    REQUIRE(batch.image.sizes() == at::IntArrayRef({16, 1, 8, 8}));
    // The pictures are lopsided: their first pixel tells the class.
    CHECK(at::equal((batch.image.flatten(1).select(1, 0).add(1).mul(127.5)).round().to(at::kLong),
                    batch.label));
    seen += batch.label.bincount({}, 10);
  }
  CHECK(at::equal(seen, at::full({10}, 8, at::kLong)));
  twin.load_state(copied(few.state()));
  CHECK(at::equal(twin.next().label, few.next().label));
}

TEST_CASE("with few labels the real samples have none, and a resumed trial goes on with the same bits") {
  const Scratch scratch;
  json t = pictures(scratch);
  t["config"]["dataset"]["labelled"] = 20;
  Game game(Trial::from_json(t)), resumed(Trial::from_json(t));
  play(game, 0, 3);
  const auto saved = copied(game.state());
  CHECK(saved.at("labelled/places").numel() == 20);
  play(game, 3, 6);
  resumed.load_state(saved);
  play(resumed, 3, 6);
  for (const auto& [name, tensor] : game.state()) {
    INFO(name);
    CHECK(at::equal(resumed.state().at(name), tensor));
  }
  // A loss that wants the labels of all is told that they are not there.
  t["config"]["losses"] = {entry(t, "loss", "ac", {{"weight", 1.0}, {"spectral_norm", false}}),
                           entry(t, "loss", "hinge", {{"weight", 1.0}})};
  Game without(Trial::from_json(t));
  Fault fault;
  CHECK_THROWS_WITH(without.play(0, nullptr, &fault),
                    Catch::Contains("real.label'; with dataset.labelled the sample 'labelled' has labels"));
}

TEST_CASE("a proof refuses few labels that no loss looks at, and says why a model gets none") {
  const Scratch scratch;
  json t = pictures(scratch);
  auto& c = t["config"];
  const auto answer = [&] { return prove({{"id", 1}, {"config", c}, {"plugins", t["plugins"]}}); };
  c["dataset"]["labelled"] = 20;
  CHECK(answer()["ok"] == true);
  c["losses"] = {entry(t, "loss", "hinge", {{"weight", 1.0}})};
  json refused = answer();
  CHECK(refused["pointer"] == "/dataset/labelled");
  CHECK_THAT(refused.value("message", ""), Catch::Contains("no loss looks at labelled samples"));
  c["dataset"].erase("labelled");
  CHECK(answer()["ok"] == true);

  c["models"]["discriminator"] = entry(t, "model", "sngan", {{"width", 4}, {"conditional", true}});
  c["models"]["discriminator"].update({{"role", "discriminator"}, {"init", "default"}, {"norm", "default"}});
  CHECK(answer()["ok"] == true);
  c["dataset"]["labelled"] = 20;
  refused = answer();
  CHECK(refused["pointer"] == "/models/discriminator");
  CHECK_THAT(refused.value("message", ""),
             Catch::Contains("no input 'label'; with dataset.labelled the sample 'labelled' has labels") &&
                 Catch::Contains("a switch \"conditional\""));
  CHECK_THAT(why_unlabelled({{"use", "faces"}}, 0), Catch::Contains("'faces' has no classes: take one"));
  CHECK(why_unlabelled({{"use", "faces"}}, 2).empty());
}

TEST_CASE("a model's output is measured with its averaged weights where a metric says so") {
  const Scratch scratch;
  json t = pictures(scratch);
  json& c = t["config"];
  c["train"]["ema"]["decay"] = 0.9;
  json metric = entry(t, "metric", "frechet");
  metric.update({{"every", 0}, {"samples", 20}, {"features", "discriminator.logits"}, {"weights", "ema"}});
  c["metrics"] = {metric, metric};
  c["metrics"][0]["features_weights"] = "raw";
  c["metrics"][1]["features_weights"] = "ema";
  const Trial trial = Trial::from_json(t);
  Game game(trial);
  play(game, 0, 12);
  // A game whose live weights are the averages of this one.
  auto state = copied(game.state());
  const std::string ema = "discriminator/ema/";
  for (const auto& [name, tensor] : game.state())
    if (name.starts_with(ema)) state["discriminator/raw/" + name.substr(ema.size())] = tensor.clone();
  Game averaged(trial);
  averaged.load_state(state);

  const auto told = [&](Game& of) {
    std::vector<std::pair<double, json>> all;
    Measuring(trial, of).evaluate({}, [&](const std::string&, double value, const json& protocol) {
      all.emplace_back(value, protocol);
    });
    REQUIRE(all.size() == 2);
    return all;
  };
  const auto of_game = told(game), of_averaged = told(averaged);
  CHECK(of_game[1].first == Approx(of_averaged[0].first).epsilon(1e-4));
  CHECK(of_game[0].first != Approx(of_game[1].first).epsilon(0.01));
  CHECK_FALSE(of_game[0].second.contains("features_weights"));
  CHECK(of_game[0].second["parameters"].empty());
  CHECK(of_game[1].second["features_weights"] == "ema");
}

TEST_CASE("weight norm that starts from data: the first batch comes out with mean 0 and variance 1") {
  json t = trial_json();
  json& d = t["config"]["models"]["discriminator"];
  d["norm"] = "weight";
  t["config"]["train"]["batch"] = 64;
  Game plain(Trial::from_json(t));
  d["init"] = "data";
  Game game(Trial::from_json(t));
  const auto& set = game.players().at("discriminator")->model.set;
  // The batch is one of the training split: over all of it the first layer is standard up to what 64 samples
  // tell.
  const at::Tensor x = game.data().take(5000).image;
  const auto layer = [&](const Game& of) {
    Player& p = *of.players().at("discriminator");
    const int64_t number = 1000000;
    p.model.weights.begin(number, train::Use::measure);
    return at::linear(x, p.model.weights.weight("layer0.weight", number),
                      p.model.weights.weight("layer0.bias", number))
        .detach();
  };
  const at::Tensor y = layer(game), before = layer(plain);
  CHECK(y.mean(0).abs().max().item<double>() < 0.5);
  CHECK((y.std(0) - 1).abs().max().item<double>() < 0.25);
  CHECK((before.std(0) - 1).abs().max().item<double>() > 0.3);
  // g is the length of each row of v.
  for (const train::Parameter& p : set.parameters())
    if (p.g.defined()) CHECK(at::allclose(p.g, train::output_lengths(p.raw, p.spec.layout)));

  d["norm"] = "spectral";
  CHECK_THAT(error_of([&] { Game(Trial::from_json(t)); }), Catch::Contains("cannot start from data"));
  t = trial_json();
  t["config"]["models"]["generator"] = entry(t, "model", "particles");
  t["config"]["models"]["generator"].update({{"role", "generator"}, {"init", "data"}, {"norm", "default"}});
  CHECK_THAT(error_of([&] { Game(Trial::from_json(t)); }), Catch::Contains("no layers that start from data"));
}

TEST_CASE(
    "the reference of virtual batch norm is drawn once, and is the same in averages and in checkpoints") {
  json t = trial_json();
  t["config"]["models"]["generator"]["virtual_batch_norm"] = true;
  Game game(Trial::from_json(t)), other(Trial::from_json(t));
  const at::Tensor reference = game.state().at("generator/raw/reference").clone();
  CHECK(reference.sizes() == at::IntArrayRef({32, 4}));
  CHECK(reference.std().item<double>() > 0.7);
  CHECK(at::equal(game.state().at("generator/ema/reference"), reference));
  CHECK(at::equal(other.state().at("generator/raw/reference"), reference));
  play(game, 0, 5);
  CHECK(at::equal(game.state().at("generator/raw/reference"), reference));
  t["seed"] = 4;
  Game seeded(Trial::from_json(t));
  CHECK_FALSE(at::equal(seeded.state().at("generator/raw/reference"), reference));
  seeded.load_state(copied(game.state()));
  CHECK(at::equal(seeded.state().at("generator/raw/reference"), reference));
  // A first pass takes nothing from the streams of training: the first round is that of the game without it.
  json plain = trial_json();
  CHECK(at::equal(Game(Trial::from_json(plain)).state().at("random/latent"),
                  other.state().at("random/latent")));
}

TEST_CASE("gradient descent circles round the equilibrium of toy_game, historical averaging leads to it") {
  const auto circling = distances(false, 1000), led = distances(true, 1000);
  for (const double d : circling) CHECK(d > 0.5);
  CHECK(circling.back() < 3);
  CHECK(led.back() < 0.02);
}
