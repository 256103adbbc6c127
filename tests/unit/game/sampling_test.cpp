// Truncation, batch-norm modes and classes in between, against literal forms.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <catch2/catch.hpp>

#include <cmath>

#include <game/sampling.hpp>
#include <train/random.hpp>

#include "playing.hpp"

using namespace saddle::worker;
using Catch::Matchers::Contains;
using saddle::test::copied;
using saddle::test::entry;
using saddle::test::json;
using saddle::test::trial_json;
namespace train = saddle::train;

namespace {

using Tensors = std::map<std::string, at::Tensor>;

void train_for(Game& game, int64_t rounds) {
  Fault fault;
  for (int64_t round = 0; round < rounds; ++round) REQUIRE(game.play(round, nullptr, &fault));
}

bool equal(const Tensors& a, const Tensors& b) {
  for (const auto& [name, t] : a)
    if (!at::equal(t, b.at(name))) return false;
  return a.size() == b.size();
}

json normed_trial() {
  json t = trial_json();
  t["config"]["models"]["generator"] =
      entry(t, "model", "mlp", {{"width", 16}, {"depth", 2}, {"batch_norm", true}});
  t["config"]["models"]["generator"].update(
      {{"role", "generator"}, {"init", "default"}, {"norm", "default"}});
  return t;
}

// The mlp generator of normed_trial() with batch norms that take their statistics from `stats`, or, where
// those are empty, from the batch, which then are appended: mean and unbiased variance.
struct Statistics {
  std::vector<at::Tensor> mean, variance;
};
at::Tensor literal(const Tensors& w, at::Tensor x, const Statistics& stats, Statistics* of_batch) {
  for (int i = 0; i < 2; ++i) {
    const std::string n = std::to_string(i);
    x = at::matmul(x, w.at("layer" + n + ".weight").t()) + w.at("layer" + n + ".bias");
    at::Tensor mean = x.mean(0), variance = x.var(0, /*unbiased=*/false);
    if (of_batch) {
      of_batch->mean.push_back(mean);
      of_batch->variance.push_back(x.var(0, /*unbiased=*/true));
    }
    if (!stats.mean.empty()) {
      mean = stats.mean[i];
      variance = stats.variance[i];
    }
    x = (x - mean) / (variance + 1e-5).sqrt() * w.at("norm" + n + ".weight") + w.at("norm" + n + ".bias");
    x = at::relu(x);
  }
  return at::matmul(x, w.at("output.weight").t()) + w.at("output.bias");
}

}  // namespace

TEST_CASE("truncation draws what lies outside again and leaves the rest") {
  const json latent = {{"use", "normal"}, {"size", 32}};
  const auto draw = [&](double truncation, double z_std = 1) {
    return draw_latent(latent, 4000, train::make_generator(5, "z"),
                       {.truncation = truncation, .z_std = z_std});
  };
  const at::Tensor free = draw(0);
  CHECK(free.abs().max().item<double>() > 3);
  for (const double t : {2.0, 0.5, 0.04}) {
    const at::Tensor z = draw(t), inside = free.abs() < t;
    CHECK(z.abs().max().item<double>() < t);
    CHECK(at::equal(z.masked_select(inside), free.masked_select(inside)));
    // Variance of the truncated normal: 1 - 2 t phi(t) / (2 Phi(t) - 1).
    const double density = std::exp(-t * t / 2) / std::sqrt(2 * M_PI), mass = std::erf(t / std::sqrt(2));
    CHECK(z.var().item<double>() == Approx(1 - 2 * t * density / mass).epsilon(0.03));
  }
  CHECK(at::allclose(draw(0, 0.25), free * 0.25));
  CHECK(
      draw_latent({{"use", "uniform"}, {"size", 8}}, 100, train::make_generator(1, "z"), {.truncation = 0.3})
          .abs()
          .max()
          .item<double>() < 0.3);
  CHECK_THROWS_WITH(check_truncation({{"use", "bernoulli"}, {"size", 8}}, 0.5),
                    Contains("z of train.latent bernoulli"));
  CHECK_THROWS_WITH(check_truncation(latent, 1e-6), Contains("at least 0.001"));
  CHECK_NOTHROW(check_truncation({{"use", "bernoulli"}, {"size", 8}}, 0));
}

TEST_CASE("standing statistics are the means over the passes, then everything is put back") {
  const json t = normed_trial();
  Game game(Trial::from_json(t));
  train_for(game, 5);
  Player& g = *game.players().at("generator");
  for (const bool average : {false, true}) {
    train::ParameterSet& set = average ? g.average->set() : g.model.set;
    const Tensors before = copied(set.tensors());
    for (const double truncation : {0.0, 0.5}) {
      const Sampling how{.average = average,
                         .truncation = truncation,
                         .batch_norm = BatchNorm::standing,
                         .standing_passes = 7};
      Statistics expected;
      for (int64_t i = 0; i < 7; ++i) {
        Statistics one;
        literal(before,
                draw_latent(t["config"]["train"]["latent"], 32,
                            train::make_generator(9, "standing/" + std::to_string(i)), how),
                {}, &one);
        for (int layer = 0; layer < 2; ++layer) {
          if (i == 0) {
            expected.mean.push_back(at::zeros_like(one.mean[layer]));
            expected.variance.push_back(at::zeros_like(one.mean[layer]));
          }
          expected.mean[layer] += one.mean[layer] / 7;
          expected.variance[layer] += one.variance[layer] / 7;
        }
      }
      {
        Sampler sampler(game, how, 9);
        for (int layer = 0; layer < 2; ++layer) {
          const std::string n = "norm" + std::to_string(layer);
          CHECK(at::allclose(set.buffer(n + ".running_mean"), expected.mean[layer], 1e-5, 1e-6));
          CHECK(at::allclose(set.buffer(n + ".running_var"), expected.variance[layer], 1e-5, 1e-6));
          CHECK_FALSE(at::allclose(before.at(n + ".running_var"), expected.variance[layer], 1e-2));
        }
        const at::Tensor z = at::randn({10, 4}, train::make_generator(1, "z"));
        CHECK(at::allclose(sampler.images(z, {}), literal(before, z, expected, nullptr), 1e-4, 1e-5));
      }
      CHECK(equal(set.tensors(), before));
    }
  }
}

TEST_CASE("batch statistics are those of a full batch of what is drawn") {
  const json t = normed_trial();
  Game game(Trial::from_json(t));
  train_for(game, 3);
  train::ParameterSet& set = game.players().at("generator")->model.set;
  const Tensors before = copied(set.tensors());
  const Sampling how{.average = false, .batch_norm = BatchNorm::batch};
  {
    Sampler sampler(game, how, 2);
    const Batch fake = sampler.draw(40, train::make_generator(4, "x"));
    REQUIRE(fake.image.size(0) == 40);
    at::Generator again = train::make_generator(4, "x");
    const at::Tensor z = draw_latent(t["config"]["train"]["latent"], 32, again, how);
    CHECK(at::allclose(fake.image.narrow(0, 0, 32), literal(before, z, {}, nullptr), 1e-4, 1e-5));
    sampler.labels(32, again);  // these are drawn between
    // The other 8 with 24 more of their kind.
    const at::Tensor rest = draw_latent(t["config"]["train"]["latent"], 8, again, how);
    const at::Tensor filler =
        draw_latent(t["config"]["train"]["latent"], 24, train::make_generator(2, "filler"), how);
    CHECK(at::allclose(fake.image.narrow(0, 32, 8),
                       literal(before, at::cat({rest, filler}), {}, nullptr).narrow(0, 0, 8), 1e-4, 1e-5));
  }
  CHECK(equal(set.tensors(), before));
}

TEST_CASE("a generator without running statistics is the same under every mode") {
  json t = trial_json();
  Game game(Trial::from_json(t));
  const auto draw = [&](BatchNorm mode) {
    return Sampler(game, {.average = false, .batch_norm = mode}, 1)
        .draw(32, train::make_generator(4, "x"))
        .image;
  };
  CHECK(at::equal(draw(BatchNorm::running), draw(BatchNorm::standing)));
  CHECK(at::allclose(draw(BatchNorm::running), draw(BatchNorm::batch)));
}

TEST_CASE("averaged weights under spectral norm are divided by their own largest singular value") {
  json t = trial_json();
  t["config"]["models"]["generator"]["norm"] = "spectral";
  t["config"]["models"]["generator"]["depth"] = 1;
  t["config"]["optimizers"]["generator"]["lr"] = 0.05;
  Game game(Trial::from_json(t));
  train_for(game, 12);
  train::ParameterSet& average = game.players().at("generator")->average->set();
  const Tensors w = copied(average.tensors());
  const at::Tensor z = at::randn({6, 4}, train::make_generator(1, "z"));
  const auto normal = [&](const std::string& name) {
    const at::Tensor& m = w.at(name);
    return m / std::get<1>(at::linalg_svd(m)).max();
  };
  const at::Tensor hidden = at::relu(at::matmul(z, normal("layer0.weight").t()) + w.at("layer0.bias"));
  const at::Tensor expected = at::matmul(hidden, normal("output.weight").t()) + w.at("output.bias");
  CHECK(at::allclose(Sampler(game, {}, 0).images(z, {}), expected, 1e-5, 1e-6));
}

TEST_CASE("between two classes lie all embeddings' rows, at the ends the classes") {
  const saddle::test::Scratch scratch;
  saddle::test::write_idx(scratch.folder);
  json t = trial_json();
  t["config"]["dataset"] = entry(t, "dataset", "idx", {{"path", scratch.folder.string()}});
  for (const char* player : {"generator", "discriminator"}) {
    t["config"]["models"][player] = entry(t, "model", "sngan", {{"width", 4}, {"conditional", true}});
    t["config"]["models"][player].update({{"role", player}, {"init", "default"}, {"norm", "default"}});
  }
  Game game(Trial::from_json(t));
  // Embeddings start close together.
  for (auto& p : game.players().at("generator")->model.set.parameters())
    if (p.spec.layout == train::Layout::embedding) {
      const at::NoGradGuard no_grad;
      p.raw.normal_(0, 1, train::make_generator(1, p.spec.name));
    }
  Sampler sampler(game, {.average = false}, 0);
  const at::Tensor z = at::randn({1, 4}, train::make_generator(1, "z")).expand({3, 4});
  const at::Tensor from = at::tensor({2, 5, 7}, at::kLong), to = at::tensor({5, 7, 2}, at::kLong);
  const auto between = [&](double x) { return sampler.images_between(z, from, {2, 5, 7}, {5, 7, 2}, x); };
  CHECK(at::allclose(between(0), sampler.images(z, from), 1e-5, 1e-6));
  CHECK(at::allclose(between(1), sampler.images(z, to), 1e-5, 1e-6));
  CHECK_FALSE(at::allclose(between(0), between(1), 1e-2, 1e-3));
  CHECK_FALSE(at::allclose(between(0.5), between(1), 1e-2, 1e-3));

  Game without(Trial::from_json(trial_json()));
  CHECK_THROWS_WITH(Sampler(without, {.average = false}, 0)
                        .images_between(at::randn({1, 4}), at::zeros({1}, at::kLong), {0}, {1}, 0.5),
                    Contains("has no embedding of the"));
}
