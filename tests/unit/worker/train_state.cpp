#include "train_support.hpp"

#include <set>

#include "common/error.hpp"
#include "train/ema.hpp"
#include "train/random.hpp"
#include "train/schedule.hpp"

using namespace saddle::train;
using namespace saddle::train::test;

TEST_CASE("EMA: a copy before start, then d p + (1 - d) w, and counters are copied", "[train][ema]") {
  ParameterOptions options;
  options.dtype = at::kDouble;
  ParameterSet live({{"w", {2, 3}, Layout::linear, Init::normal(0, 1), Norm::weight}},
                    {{"mean", {2}, 1, at::kDouble}, {"batches", {}, 0, at::kLong}}, generator(), options);
  Ema ema(live, {.decay = 0.75, .start = 2});
  CHECK_FALSE(ema.set().parameters()[0].raw.requires_grad());
  CHECK(ema.set().leaf_names() == live.leaf_names());
  std::vector<at::Tensor> expected;
  for (int64_t round = 0; round < 5; ++round) {
    std::vector<at::Tensor> values;
    for (const at::Tensor& leaf : live.leaves()) values.push_back(leaf.detach());
    values.push_back(live.buffer("mean"));
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i].copy_(random(values[i].sizes(), 10 * round + i));
    live.buffer("batches").fill_(round + 1);
    ema.update(live, round);
    std::vector<at::Tensor> averages = ema.set().leaves();
    averages.push_back(ema.set().buffer("mean"));
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (round == 0) expected.emplace_back();
      expected[i] = round < 2 ? values[i].clone() : 0.75 * expected[i] + 0.25 * values[i];
      CHECK(difference(averages[i], expected[i]) < 1e-15);
    }
    CHECK(ema.set().buffer("batches").item<int64_t>() == round + 1);
  }
  CHECK(live.parameters()[0].raw.data_ptr() != ema.set().parameters()[0].raw.data_ptr());
}

TEST_CASE("learning-rate schedules", "[train][schedule]") {
  Schedule constant;
  for (const int64_t round : {0, 5, 1000}) CHECK(factor(constant, round, 100) == 1);

  Schedule linear;
  linear.kind = Schedule::Kind::linear;
  CHECK(factor(linear, 0, 100) == 1);
  CHECK(factor(linear, 25, 100) == Approx(0.75));
  CHECK(factor(linear, 99, 100) == Approx(0.01));
  CHECK(factor(linear, 100, 100) == 0);

  linear.from = 10;
  linear.to = 30;
  linear.final = 0.2;
  CHECK(factor(linear, 10, 100) == 1);
  CHECK(factor(linear, 20, 100) == Approx(0.6));
  CHECK(factor(linear, 30, 100) == Approx(0.2));
  CHECK(factor(linear, 99, 100) == Approx(0.2));

  linear.warmup = 40;
  CHECK(factor(linear, 0, 100) == Approx(1 / 40.0));
  CHECK(factor(linear, 19, 100) == Approx(0.5 * (1 - 0.8 * 9 / 20)));
  CHECK(factor(linear, 39, 100) == Approx(0.2));

  linear.from = linear.to.value();  // a step, no division by zero
  linear.warmup = 0;
  CHECK(factor(linear, 29, 100) == 1);
  CHECK(factor(linear, 30, 100) == Approx(0.2));
}

TEST_CASE("streams of a trial have seeds of their own", "[train][random]") {
  std::set<uint64_t> whole;
  std::set<uint32_t> lower;  // all that the CPU generator uses
  for (uint64_t seed = 0; seed < 200; ++seed)
    for (const char* stream : {"data", "latent", "init/generator", "init/discriminator", "", "a", "aa"}) {
      whole.insert(derive_seed(seed, stream));
      lower.insert(static_cast<uint32_t>(derive_seed(seed, stream)));
    }
  CHECK(whole.size() == 1400);
  CHECK(lower.size() >= 1399);  // by chance 0.0002 collisions are due
  CHECK(derive_seed(1, "data") == derive_seed(1, "data"));
  const auto draw = [](uint64_t seed, const char* stream) {
    return at::empty({100}).normal_(0, 1, make_generator(seed, stream));
  };
  CHECK(same_bits(draw(1, "data"), draw(1, "data")));
  CHECK_FALSE(same_bits(draw(1, "data"), draw(1, "latent")));
  CHECK_FALSE(same_bits(draw(1, "data"), draw(2, "data")));
  seed_default_generators(3);
  const at::Tensor first = at::rand({10});
  seed_default_generators(3);
  CHECK(same_bits(first, at::rand({10})));
}

TEST_CASE("a generator continues from its saved state", "[train][random]") {
  at::Generator g = make_generator(5, "latent");
  at::empty({3}).normal_(0, 1, g);  // an odd count: half a Box-Muller pair is part of the state
  const at::Tensor state = generator_state(g);
  const at::Tensor expected = at::empty({7}).normal_(0, 1, g);
  at::Generator other = make_generator(6, "other");
  set_generator_state(other, state);
  CHECK(same_bits(at::empty({7}).normal_(0, 1, other), expected));
  CHECK_THROWS_AS(set_generator_state(other, at::zeros({4}, at::kByte)), saddle::Error);
  CHECK_THROWS_AS(set_generator_state(other, at::zeros({4}, at::kFloat)), saddle::Error);
}

TEST_CASE("tensors are loaded whole or not at all", "[train][parameters]") {
  const auto make = [](uint64_t seed) {
    ParameterOptions options;
    options.channels_last = true;
    return ParameterSet({{"w", {4, 3, 2, 2}, Layout::conv, Init::normal(0, 1), Norm::spectral},
                         {"h", {2, 4}, Layout::linear, Init::normal(0, 1), Norm::weight}},
                        {{"mean", {3}, 2}}, generator(seed), options);
  };
  ParameterSet from = make(1), to = make(2);
  const void* address = to.parameters()[0].raw.data_ptr();
  to.load(from.tensors());
  for (const auto& [name, value] : from.tensors()) CHECK(same_bits(value, to.tensors().at(name)));
  CHECK(to.parameters()[0].raw.data_ptr() == address);

  auto tensors = from.tensors();
  tensors.erase("w.u");
  CHECK_THROWS_WITH(to.load(tensors), Catch::Contains("\"w.u\" is missing"));
  tensors = from.tensors();
  tensors["x"] = at::zeros({1});
  CHECK_THROWS_WITH(to.load(tensors), Catch::Contains("\"x\" belongs to no"));
  tensors = from.tensors();
  tensors["h"] = at::zeros({2, 5});
  tensors["mean"] = at::zeros({3});
  CHECK_THROWS_WITH(to.load(tensors), Catch::Contains("\"h\" has shape [2, 5], expected [2, 4]"));
  CHECK(to.buffer("mean").sum().item<float>() == 6);

  // Plain weights: u, v and g follow from them.
  ParameterSet plain = make(3);
  const at::Tensor w = random({4, 3, 2, 2}, 8).to(at::kFloat), h = random({2, 4}, 9).to(at::kFloat);
  plain.load({{"w", w}, {"h", h}}, ParameterSet::Load::weights);
  const Parameter& p = plain.parameters()[0];
  const double sigma = p.singular.u.flatten()
                           .dot(plain_matrix(w, Layout::conv).mv(p.singular.v.contiguous().flatten()))
                           .item<double>();
  CHECK(sigma == Approx(at::linalg_svdvals(w.flatten(1)).max().item<double>()).epsilon(1e-6));
  CHECK(difference(plain.parameters()[1].g.flatten(), h.norm(2, 1)) < 1e-6);
  CHECK(plain.buffer("mean").sum().item<float>() == 6);
  CHECK_THROWS_WITH(plain.load({{"w", w}}, ParameterSet::Load::weights), Catch::Contains("\"h\" is missing"));
}
