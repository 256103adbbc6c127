#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <catch2/catch.hpp>

#include <game/game.hpp>
#include <train/random.hpp>
#include <train/safetensors.hpp>

#include "playing.hpp"

using namespace saddle::worker;
using saddle::test::copied;
using saddle::test::entry;
using saddle::test::equal;
using saddle::test::json;
using saddle::test::play_one;
using saddle::test::trial_json;
namespace train = saddle::train;

TEST_CASE("the first round's numbers are those of the formulas") {
  json t = trial_json();
  Game game(Trial::from_json(t));
  const auto numbers = play_one(game);

  // Again by hand: the same streams of random numbers, plain ATen.
  Game twin(Trial::from_json(t));
  const Batch real = twin.data().next();
  at::Generator latent = train::make_generator(3, "latent");
  const at::Tensor z = draw_latent(t["config"]["train"]["latent"], 32, latent);
  twin.players().at("generator")->model.weights.begin(1, train::Use::measure);
  twin.players().at("discriminator")->model.weights.begin(1, train::Use::measure);
  const at::Tensor fake = find(twin.players().at("generator")->forward({{"z", z}}, 1, true), "image");
  const auto logit = [&](const at::Tensor& x) {
    return find(twin.players().at("discriminator")->forward({{"image", x}}, 1, true), "logit");
  };
  CHECK(numbers.at("discriminator/hinge/hinge_real") ==
        Approx(at::relu(1 - logit(real.image)).mean().item<double>()));
  CHECK(numbers.at("discriminator/hinge/hinge_fake") ==
        Approx(at::relu(1 + logit(fake)).mean().item<double>()));
  CHECK(numbers.at("discriminator/total") ==
        Approx(numbers.at("discriminator/hinge/hinge_real") + numbers.at("discriminator/hinge/hinge_fake")));
  CHECK(numbers.at("discriminator/lr") == 1e-3);
  CHECK(numbers.at("generator/grad_norm") > 0);
}

TEST_CASE("each player's update changes that player only") {
  json t = trial_json();
  t["config"]["train"]["order"] = {"generator"};
  Game game(Trial::from_json(t));
  const auto before = copied(game.state());
  play_one(game);
  const auto after = game.state();
  bool generator_moved = false;
  for (const auto& [name, value] : before) {
    if (name.starts_with("discriminator/raw/")) CHECK(at::equal(value, after.at(name)));
    if (name.starts_with("generator/raw/") && !at::equal(value, after.at(name))) generator_moved = true;
  }
  CHECK(generator_moved);
}

TEST_CASE("weights multiply terms, a second loss of one name is told apart") {
  json t = trial_json();
  json& losses = t["config"]["losses"];
  losses = {entry(t, "loss", "hinge", {{"weight", 2.0}}),
            entry(t, "loss", "hinge", {{"weight", 0.5}, {"margin", 3.0}})};
  Game game(Trial::from_json(t));
  const auto n = play_one(game);
  CHECK(n.at("discriminator/total") ==
        Approx(2 * (n.at("discriminator/hinge/hinge_real") + n.at("discriminator/hinge/hinge_fake")) +
               0.5 * (n.at("discriminator/hinge#2/hinge_real") + n.at("discriminator/hinge#2/hinge_fake"))));
}

TEST_CASE("one pass or two: the same numbers where nothing looks across the batch") {
  json t = trial_json();
  t["config"]["losses"].push_back(entry(t, "loss", "r1", {{"weight", 1.0}}));
  Game separate(Trial::from_json(t));
  t["config"]["train"]["pass"] = "joint";
  Game joint(Trial::from_json(t));
  const auto a = play_one(separate), b = play_one(joint);
  REQUIRE(a.size() == b.size());
  // The generator's numbers come after a step of Adam, which blows up the last bits of small gradients.
  for (const auto& [name, value] : a)
    if (name.starts_with("discriminator/")) CHECK(b.at(name) == Approx(value).epsilon(1e-4).margin(1e-6));
}

TEST_CASE("gradient penalties reach the discriminator") {
  json t = trial_json();
  t["config"]["losses"] = {entry(t, "loss", "wasserstein", {{"weight", 1.0}}),
                           entry(t, "loss", "gradient_penalty", {{"weight", 10.0}})};
  Game game(Trial::from_json(t));
  std::map<std::string, double> n;
  for (int64_t round = 0; round < 60; ++round) n = play_one(game, round);
  bool found = false;
  for (const auto& [name, value] : n)
    if (name.starts_with("discriminator/gradient_penalty/")) {
      found = true;
      CHECK(value < 0.5);  // (|gradient| - 1)^2 starts near 1 and is pulled to 0
    }
  CHECK(found);
}

TEST_CASE("spectral norm holds the discriminator's layers at one") {
  json t = trial_json();
  t["config"]["models"]["discriminator"]["norm"] = "spectral";
  Game game(Trial::from_json(t));
  for (int64_t round = 0; round < 20; ++round) play_one(game, round);
  Player& d = *game.players().at("discriminator");
  d.model.weights.begin(1000, train::Use::measure);
  for (size_t i = 0; i < d.model.set.parameters().size(); ++i) {
    const auto& p = d.model.set.parameters()[i];
    if (p.spec.norm != train::Norm::spectral) continue;
    const at::Tensor s = at::linalg_svdvals(d.model.weights.weight(i, 1000));
    CHECK(s[0].item<double>() == Approx(1).epsilon(0.1));
  }
}

TEST_CASE("state saved and loaded continues bit for bit") {
  json t = trial_json();
  t["config"]["losses"].push_back(entry(t, "loss", "r1", {{"weight", 1.0}}));
  t["config"]["models"]["discriminator"]["norm"] = "spectral";
  t["config"]["train"]["updates"]["discriminator"] = 2;
  Game straight(Trial::from_json(t));
  for (int64_t round = 0; round < 5; ++round) play_one(straight, round);
  const auto saved = copied(straight.state());
  for (int64_t round = 5; round < 10; ++round) play_one(straight, round);

  Game resumed(Trial::from_json(t));
  resumed.load_state(saved);
  for (int64_t round = 5; round < 10; ++round) play_one(resumed, round);
  CHECK(equal(straight.state(), resumed.state()));
}

TEST_CASE("an epoch shows every sample once, in an order of its own") {
  json t = trial_json();
  Game game(Trial::from_json(t));
  const int64_t batches = game.data().size() / 32;
  std::vector<at::Tensor> first, second;
  for (int64_t i = 0; i < batches; ++i) first.push_back(game.data().next().image);
  for (int64_t i = 0; i < batches; ++i) second.push_back(game.data().next().image);
  const at::Tensor a = at::cat(first), b = at::cat(second);
  CHECK_FALSE(at::equal(a, b));
  CHECK(at::equal(std::get<0>(a.select(1, 0).sort()).narrow(0, 0, 10),
                  std::get<0>(b.select(1, 0).sort()).narrow(0, 0, 10)));
}

TEST_CASE("a set that is read ahead gives the batches of one that is kept") {
  json t = trial_json();
  Game game(Trial::from_json(t));
  DataSource kept(game.dataset(), 32, 5), ahead(game.dataset(), 32, 5, /*keep_bytes=*/0);
  const int64_t batches = kept.size() / 32 + 3;  // past the end of an epoch
  bool same = true;
  for (int64_t i = 0; i < batches; ++i) {
    const Batch a = kept.next(), b = ahead.next();
    same = same && at::equal(a.image, b.image) && at::equal(a.label, b.label);
  }
  CHECK(same);
  // Continues from a saved state, whatever was being read ahead.
  const auto saved = copied(ahead.state());
  const Batch next = ahead.next();
  ahead.next();
  ahead.load_state(saved);
  CHECK(at::equal(next.image, ahead.next().image));
}

TEST_CASE("a loss may own a parameter: it is trained with its player and kept in the state") {
  json t = trial_json();
  t["plugins"]["loss/scaled"] = SCALED_LOSS;
  t["config"]["losses"].push_back({{"use", "scaled"}, {"weight", 1.0}});
  Game game(Trial::from_json(t));
  const auto before = copied(game.state());
  REQUIRE(before.contains("loss/scaled/scale"));
  CHECK(before.at("loss/scaled/scale").item<double>() == 2);
  const auto n = play_one(game);
  // (scale - 1)^2, whose gradient is 2: Adam's first step is the learning rate.
  CHECK(n.at("discriminator/scaled/off") == Approx(1));
  CHECK(game.state().at("loss/scaled/scale").item<double>() == Approx(2 - 1e-3).epsilon(1e-6));

  Game again(Trial::from_json(t));
  again.load_state(copied(game.state()));
  CHECK(play_one(again, 1) == play_one(game, 1));
}

TEST_CASE("augmentation changes what the discriminator sees of real pictures") {
  const saddle::test::Scratch scratch;
  saddle::test::write_idx(scratch.folder);
  json t = trial_json();
  t["config"]["dataset"] = entry(t, "dataset", "idx", {{"path", scratch.folder.string()}});
  Game plain(Trial::from_json(t));
  t["config"]["train"]["augment"] = {entry(t, "transform", "flip")};
  Game flipped(Trial::from_json(t));
  CHECK(play_one(plain).at("discriminator/hinge/hinge_real") !=
        play_one(flipped).at("discriminator/hinge/hinge_real"));
}

TEST_CASE("bfloat16 computes in lower precision and keeps losses in float32") {
  json t = trial_json();
  Game full(Trial::from_json(t));
  t["config"]["train"]["precision"] = "bfloat16";
  Game low(Trial::from_json(t));
  const auto a = play_one(full), b = play_one(low);
  CHECK(a.at("discriminator/total") != b.at("discriminator/total"));
  CHECK(b.at("discriminator/total") == Approx(a.at("discriminator/total")).epsilon(0.05));
  for (const auto& [name, tensor] : low.state())
    if (name.starts_with("discriminator/raw/")) CHECK(tensor.scalar_type() == at::kFloat);
}

TEST_CASE("a total that is not finite stops the round before the step") {
  json t = trial_json();
  Game game(Trial::from_json(t));
  auto state = copied(game.state());
  for (auto& [name, tensor] : state)
    if (name.starts_with("discriminator/raw/")) tensor.fill_(std::numeric_limits<float>::infinity());
  game.load_state(state);
  Fault fault;
  CHECK_FALSE(game.play(0, nullptr, &fault));
  CHECK(fault.name == "discriminator/total");
}

TEST_CASE("several passes make one update, as of one large batch") {
  // Without labels, which would come between the latents.
  const saddle::test::Scratch scratch;
  const auto file = scratch.folder / "points.safetensors";
  train::write_safetensors(file, {{"images", at::randn({128, 2})}});
  json large = trial_json(), small = trial_json();
  for (json* t : {&large, &small})
    (*t)["config"]["dataset"] = entry(*t, "dataset", "safetensors", {{"path", file.string()}});
  for (json* t : {&large, &small}) (*t)["config"]["train"]["latent"] = {{"use", "uniform"}, {"size", 4}};
  small["config"]["train"]["batch"] = 8;
  small["config"]["train"]["accumulate"] = 4;
  Game a(Trial::from_json(large)), b(Trial::from_json(small));
  for (int64_t round = 0; round < 3; ++round) {
    const auto whole = play_one(a, round), parts = play_one(b, round);
    REQUIRE(whole.size() == parts.size());
    for (const auto& [name, value] : whole) {
      INFO(name << " in round " << round);
      CHECK(parts.at(name) == Approx(value).epsilon(1e-4).margin(1e-6));
    }
  }
  const auto of = [](Game& game) { return copied(game.players().at("generator")->model.set.tensors()); };
  const auto left = of(a), right = of(b);
  for (const auto& [name, tensor] : left) CHECK(at::allclose(tensor, right.at(name), 1e-4, 1e-5));
}

TEST_CASE("latents are distributed as their name says") {
  const auto draw = [](const std::string& use) {
    return draw_latent({{"use", use}, {"size", 6}}, 4000, train::make_generator(1, use));
  };
  // Of each: mean, mean of squares, smallest and largest value if there are.
  const auto near = [](const at::Tensor& z, double mean, double squares) {
    return std::abs(z.mean().item<double>() - mean) < 0.03 &&
           std::abs(z.square().mean().item<double>() - squares) < 0.06;
  };
  CHECK(near(draw("normal"), 0, 1));
  CHECK(near(draw("uniform"), 0, 1.0 / 3));
  CHECK(near(draw("bernoulli"), 0.5, 0.5));
  CHECK(near(draw("signs"), 0, 1));
  CHECK(near(draw("categorical"), 0, 2.0 / 3));
  CHECK(near(draw("censored_normal"), 0.3989, 0.5));
  CHECK(near(draw("sparse_normal"), 0, 0.5));
  const at::Tensor half = draw("half_bernoulli");
  CHECK(near(half.slice(1, 0, 3), 0, 1));
  CHECK(near(half.slice(1, 3), 0.5, 0.5));
  for (const char* use : {"bernoulli", "signs", "categorical"}) {
    const at::Tensor z = draw(use);
    CHECK(at::equal(z, z.round()));
    CHECK(z.abs().max().item<double>() == 1);
  }
  CHECK(draw("censored_normal").min().item<double>() == 0);
}
