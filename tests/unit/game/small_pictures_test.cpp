// A generator that gives a small picture beside the large one, and a discriminator that judges both.
#include <ATen/ATen.h>

#include <catch2/catch.hpp>

#include <game/game.hpp>
#include <game/sampling.hpp>
#include <game/step.hpp>
#include <train/random.hpp>
#include <train/safetensors.hpp>

#include "trial_fixture.hpp"

using namespace saddle::worker;
using saddle::test::entry;
using saddle::test::json;
using saddle::test::Scratch;
namespace train = saddle::train;

namespace {

// FastGAN, one channel wide, on 24 random pictures of 3 x 32 x 32.
json fastgan_trial(const Scratch& scratch) {
  json t = saddle::test::trial_json();
  const auto file = scratch.folder / "pictures.safetensors";
  train::write_safetensors(file, {{"images", at::randint(256, {24, 3, 32, 32}, at::kByte)}});
  json& c = t["config"];
  c["dataset"] = entry(t, "dataset", "safetensors", {{"path", file.string()}});
  for (const char* player : {"generator", "discriminator"}) {
    c["models"][player] = entry(t, "model", "fastgan", {{"width", 1}});
    c["models"][player].update({{"role", player}, {"init", "default"}, {"norm", "default"}});
  }
  c["train"]["batch"] = 4;
  c["losses"] = {entry(t, "loss", "hinge", {{"weight", 1.0}, {"random_margin", 0.2}}),
                 entry(t, "loss", "reconstruction", {{"weight", 1.0}})};
  return t;
}

void begin(Game& game, int64_t number) {
  for (const auto& [name, player] : game.players()) player->model.weights.begin(number, train::Use::measure);
}

}  // namespace

TEST_CASE("the small picture of fakes is augmented by the draws of the large one") {
  const Scratch scratch;
  json t = fastgan_trial(scratch);
  t["config"]["train"]["augment"] = {entry(t, "transform", "flip")};
  Game game(Trial::from_json(t));
  Player& judge = *game.players().at("discriminator");
  const int64_t number = game.next_update();
  begin(game, number);
  int flipped = 0;
  for (int i = 0; i < 4; ++i) {
    PlayerStep step(game, judge, number);
    const at::Tensor logit = step.output("discriminator", "fake", "logit");
    const at::Tensor image = step.input("fake.image"), seen = step.input("fake.augmented"),
                     small = step.input("fake.small");
    CHECK(small.sizes() == at::IntArrayRef({4, 3, 16, 16}));
    CHECK_FALSE(small.requires_grad());  // no graph through the generator in another player's update
    std::vector<at::Tensor> expected;
    for (int64_t n = 0; n < 4; ++n) {
      const bool turned = at::equal(seen[n], image[n].flip(2));
      CHECK((turned || at::equal(seen[n], image[n])));
      flipped += turned;
      expected.push_back(turned ? small[n].flip(2) : small[n]);
    }
    const NamedTensors again = step.run("discriminator", {{"image", seen}, {"small", at::stack(expected)}});
    CHECK(at::equal(find(again, "logit"), logit));
    // Of reals there is none, and asking for it draws no other batch.
    const at::Tensor real = step.input("real.image");
    CHECK_FALSE(step.input("real.small").defined());
    CHECK(at::equal(step.input("real.image"), real));
  }
  CHECK(flipped > 0);
  CHECK(flipped < 16);
}

TEST_CASE("the generator learns by its small picture") {
  const Scratch scratch;
  Game game(Trial::from_json(fastgan_trial(scratch)));
  Player& generator = *game.players().at("generator");
  const auto& declared = generator.model.instance.declared().parameters;
  std::vector<at::Tensor> before;
  for (const auto& p : generator.model.set.parameters()) before.push_back(p.raw.detach().clone());
  Fault fault;
  Record record;
  REQUIRE(game.play(0, &record, &fault));
  size_t found = 0;
  for (size_t i = 0; i < declared.size(); ++i)
    if (declared[i].name == "small.weight" || declared[i].name == "image.weight") {
      ++found;
      CHECK_FALSE(at::equal(before[i], generator.model.set.parameters()[i].raw.detach()));
    }
  CHECK(found == 2);
  std::set<std::string> terms;
  for (const auto& [name, value] : record) terms.insert(name);
  for (const char* term : {"whole", "part", "small"})
    CHECK(terms.contains(std::string("discriminator/reconstruction/") + term));
}

TEST_CASE("a game with a small picture goes on from its state to the same bits, the quadrants included") {
  const Scratch scratch;
  const json t = fastgan_trial(scratch);
  Game game(Trial::from_json(t)), other(Trial::from_json(t));
  Fault fault;
  REQUIRE(game.play(0, nullptr, &fault));
  std::map<std::string, at::Tensor> saved;
  for (const auto& [name, tensor] : game.state()) saved[name] = tensor.clone();
  const auto numbers = [&](Game& g) {
    std::vector<double> list;
    for (int64_t round = 1; round < 4; ++round) {
      Record record;
      REQUIRE(g.play(round, &record, &fault));
      for (const auto& [name, value] : record) list.push_back(value.item<double>());
    }
    return list;
  };
  const auto expected = numbers(game);
  other.load_state(saved);
  CHECK(numbers(other) == expected);
}

TEST_CASE("a joint pass is refused where fakes bring more than reals") {
  const Scratch scratch;
  json t = fastgan_trial(scratch);
  t["config"]["train"]["pass"] = "joint";
  Game game(Trial::from_json(t));
  Fault fault;
  try {
    game.play(0, nullptr, &fault);
    FAIL("it played");
  } catch (const PlacedError& e) {
    CHECK(e.pointer == "/train/pass");
    CHECK_THAT(e.what(), Catch::Contains("take 'separate'"));
  }
}

TEST_CASE("styles are mixed by a second z, which changes nothing where it is the first") {
  const Scratch scratch;
  Game game(Trial::from_json(fastgan_trial(scratch)));
  Sampler sampler(game, {}, 0);
  REQUIRE(sampler.mixes_styles());
  const at::Tensor z = at::randn({3, 4}), style = at::randn({3, 4});
  const at::Tensor own = sampler.images(z, {});
  CHECK(at::allclose(sampler.images(z, {}, z), own, 1e-6, 1e-7));
  CHECK_FALSE(at::allclose(sampler.images(z, {}, style), own, 1e-6, 1e-7));
}
