#include "train_support.hpp"

#include "common/error.hpp"
#include "train/gradients.hpp"
#include "train/update.hpp"

using namespace saddle::train;
using namespace saddle::train::test;
using torch::autograd::grad;

namespace {

constexpr double kRate = 0.01;

// Parameters chosen to fool a careless update: `a` and `b` get one shared
// gradient, `sum` an expanded one, `idle` none, `conv` one with other strides.
ParameterSet tricky_set(bool channels_last) {
  ParameterOptions options;
  options.dtype = at::kDouble;
  options.channels_last = channels_last;
  return {{{"conv", {4, 3, 3, 3}, Layout::conv, Init::he_normal(), Norm::spectral},
           {"plain_conv", {2, 4, 3, 3}, Layout::conv, Init::he_normal()},
           {"head", {1, 18}, Layout::linear, Init::xavier_normal(), Norm::weight},
           {"a", {5}, Layout::other, Init::normal(0, 1)},
           {"b", {5}, Layout::other, Init::normal(0, 1)},
           {"sum", {3, 4}, Layout::linear, Init::normal(0, 1)},
           {"turned", {3, 4}, Layout::linear, Init::normal(0, 1)},
           {"idle", {2, 3}, Layout::linear, Init::normal(0, 1)},
           {"idle_spectral", {2, 3}, Layout::linear, Init::normal(0, 1), Norm::spectral}},
          {{"mean", {2}, 0.5, at::kDouble}, {"counter", {}, 0, at::kLong}},
          generator(),
          options};
}

at::Tensor tricky_loss(const std::vector<at::Tensor>& w, int64_t step, bool channels_last_input) {
  at::Tensor x = random({2, 3, 6, 6}, 100 + step);
  if (channels_last_input) x = x.contiguous(at::MemoryFormat::ChannelsLast);
  at::Tensor h = at::conv2d(x, w[0], {}, 2, 1).tanh();
  h = at::conv2d(h, w[1], {}, 1, 1).tanh();
  return at::linear(h.flatten(1), w[2]).pow(2).mean() + (w[3] + w[4]).pow(2).sum() + w[5].sum() +
         (w[6].t().contiguous() * random({4, 3}, 200 + step)).sum();
}

// The player as plain formulas: raw tensors, everything in one graph, Adam by the letter.
struct PlainPlayer {
  std::vector<at::Tensor> leaves, m, v;
  at::Tensor u, idle_u;  // of spectral norm
  double norm = 0;

  explicit PlainPlayer(const ParameterSet& set) {
    for (const at::Tensor& leaf : set.leaves()) {
      leaves.push_back(leaf.detach().contiguous().clone());
      m.push_back(at::zeros_like(leaves.back()));
      v.push_back(at::zeros_like(leaves.back()));
    }
    u = set.parameters()[0].singular.u.flatten().clone();
    idle_u = set.parameters()[8].singular.u.flatten().clone();
  }

  static at::Tensor spectral(const at::Tensor& w, at::Tensor& u) {
    const at::Tensor matrix = w.flatten(1), fixed = matrix.detach();
    at::Tensor v = fixed.t().mv(u);
    v = v / v.norm();
    u = fixed.mv(v);
    u = u / u.norm();
    return w / u.dot(matrix.mv(v));
  }

  void update(int64_t step, const OptimizerConfig& config, double lr) {
    for (at::Tensor& leaf : leaves) leaf = leaf.detach().requires_grad_();
    // leaves: conv plain_conv head head.g a b sum turned idle idle_spectral
    const at::Tensor& head = leaves[2];
    const std::vector<at::Tensor> w = {spectral(leaves[0], u),
                                       leaves[1],
                                       leaves[3] * head / head.norm(),
                                       leaves[4],
                                       leaves[5],
                                       leaves[6],
                                       leaves[7],
                                       leaves[8],
                                       spectral(leaves[9], idle_u)};
    auto gradients = grad({tricky_loss(w, step, false)}, leaves, {}, false, false, /*allow_unused=*/true);
    double squares = 0;
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      gradients[i] = gradients[i].defined() ? gradients[i].contiguous() : at::zeros_like(leaves[i]);
      squares += gradients[i].pow(2).sum().item<double>();
    }
    norm = std::sqrt(squares);
    const double scale = config.clip_norm > 0 ? std::min(1.0, config.clip_norm / (norm + 1e-6)) : 1;
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      const at::Tensor p = leaves[i].detach();
      const at::Tensor g = gradients[i] * scale + config.weight_decay * p;
      m[i] = config.beta1 * m[i] + (1 - config.beta1) * g;
      v[i] = config.beta2 * v[i] + (1 - config.beta2) * g * g;
      const double t = static_cast<double>(step);
      const at::Tensor m_hat = m[i] / (1 - std::pow(config.beta1, t));
      const at::Tensor v_hat = v[i] / (1 - std::pow(config.beta2, t));
      leaves[i] = p - lr * m_hat / (v_hat.sqrt() + config.eps);
    }
  }
};

}  // namespace

TEST_CASE("an update equals the plain formulas, whatever the gradients look like", "[train][update]") {
  const bool channels_last = GENERATE(false, true);
  const bool channels_last_input = GENERATE(false, true);
  const double clip = GENERATE(0.0, 0.5);
  const double decay = GENERATE(0.0, 0.1);
  INFO("weights channels last " << channels_last << ", input " << channels_last_input << ", clip " << clip);
  ParameterSet set = tricky_set(channels_last);
  PlainPlayer plain(set);
  EffectiveWeights weights(set, {});
  Ema ema(set, {.decay = 0.9, .start = 1});
  std::vector<at::Tensor> average;
  OptimizerConfig config;
  config.beta1 = 0.5;
  config.clip_norm = clip;
  config.weight_decay = decay;
  Update update({{"player", &weights, &ema}}, config);

  for (int64_t step = 1; step <= 4; ++step) {
    const double lr = kRate / static_cast<double>(step);
    update.begin(10 * step);
    std::vector<at::Tensor> w;
    for (std::size_t i = 0; i < set.parameters().size(); ++i) w.push_back(weights.weight(i, 10 * step));
    const at::Tensor norm = update.finish(tricky_loss(w, step, channels_last_input), lr, step - 1);
    plain.update(step, config, lr);
    CHECK(norm.dim() == 0);
    CHECK(norm.item<double>() == Approx(plain.norm).epsilon(1e-11));
    const auto leaves = set.leaves(), averages = ema.set().leaves();
    REQUIRE(leaves.size() == plain.leaves.size());
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      INFO(set.leaf_names()[i] << " after step " << step);
      CHECK(difference(leaves[i], plain.leaves[i]) < 1e-11);
      if (step == 1) average.push_back(plain.leaves[i]);  // round 0: a copy
      if (step > 1) average[i] = 0.9 * average[i] + 0.1 * plain.leaves[i];
      CHECK(difference(averages[i], average[i]) < 1e-11);
    }
  }
  CHECK(set.parameters()[0].raw.is_contiguous(at::MemoryFormat::ChannelsLast) == channels_last);
}

TEST_CASE("gradients are made safe for kernels that read raw memory", "[train][update]") {
  const at::Tensor a = random({2, 3, 4, 4}, 1).requires_grad_(), b = random({2, 3, 4, 4}, 2).requires_grad_();
  const at::Tensor shared = random({2, 3, 4, 4}, 3);
  const at::Tensor bias = random({3}, 4).requires_grad_();

  SECTION("expanded") {
    const at::Tensor g = at::ones({}, at::kDouble).expand({2, 3, 4, 4});
    const auto collected = collect_gradients({a}, {g});
    CHECK(collected[0].strides() == a.strides());
    CHECK(difference(collected[0], g) == 0);
  }
  SECTION("channels last, for a contiguous parameter and the other way round") {
    const auto collected = collect_gradients({a}, {shared.contiguous(at::MemoryFormat::ChannelsLast)});
    CHECK(collected[0].strides() == a.strides());
    CHECK(difference(collected[0], shared) == 0);
    const at::Tensor turned = a.detach().contiguous(at::MemoryFormat::ChannelsLast).requires_grad_();
    const auto back = collect_gradients({turned}, {shared});
    CHECK(back[0].strides() == turned.strides());
    CHECK(difference(back[0], shared) == 0);
  }
  SECTION("two parameters with one gradient, and views of one tensor") {
    const auto collected = collect_gradients({a, b}, {shared, shared});
    CHECK(collected[0].data_ptr() != collected[1].data_ptr());
    CHECK(difference(collected[1], shared) == 0);
    const at::Tensor both = random({2, 3}, 5);
    const at::Tensor other_bias = random({3}, 6).requires_grad_();
    const auto views = collect_gradients({bias, other_bias}, {both[0], both[1]});
    CHECK(views[0].storage().data() != views[1].storage().data());
  }
  SECTION("a gradient that is another parameter's memory") {
    const auto collected = collect_gradients({a, b}, {b.detach(), at::Tensor()});
    CHECK(collected[0].data_ptr() != b.data_ptr());
    CHECK(difference(collected[0], b) == 0);
    CHECK(collected[1].abs().sum().item<double>() == 0);
    CHECK(collected[1].strides() == b.strides());
  }
  SECTION("another dtype") {
    const auto collected = collect_gradients({a}, {shared.to(at::kFloat)});
    CHECK(collected[0].scalar_type() == at::kDouble);
  }
  SECTION("good ones are not copied") {
    const auto collected = collect_gradients({a}, {shared});
    CHECK(collected[0].data_ptr() == shared.data_ptr());
  }
  SECTION("another shape is our own mistake") {
    CHECK_THROWS_AS(collect_gradients({a}, {bias.detach()}), std::logic_error);
  }
}

TEST_CASE("clipping scales all gradients by one factor and leaves short ones alone", "[train][update]") {
  const at::Tensor a = at::full({2}, 3.0, at::kDouble), b = at::full({1, 2}, 4.0, at::kDouble);
  const at::Tensor norm = gradient_norm({a, b});
  CHECK(norm.item<double>() == Approx(std::sqrt(50.0)));
  const auto clipped = clip_gradients({a, b}, norm, 1.0);
  CHECK(gradient_norm(clipped).item<double>() == Approx(1).epsilon(1e-6));
  CHECK(clipped[0][0].item<double>() / clipped[1][0][0].item<double>() == Approx(0.75));
  CHECK(a[0].item<double>() == 3);
  CHECK(difference(clip_gradients({a, b}, norm, 100.0)[1], b) == 0);
  CHECK(gradient_norm({}).item<double>() == 0);
}

TEST_CASE("one update steps several sets with one norm", "[train][update]") {
  ParameterOptions options;
  options.dtype = at::kDouble;
  ParameterSet model({{"w", {2, 2}, Layout::linear, Init::ones()}}, {}, generator(), options);
  ParameterSet proxies({{"w", {3, 2}, Layout::embedding, Init::ones()}}, {}, generator(), options);
  EffectiveWeights a(model, {}), b(proxies, {});
  OptimizerConfig config;
  config.kind = OptimizerKind::sgd;
  Update update({{"discriminator", &a}, {"contrastive", &b}}, config);
  update.begin(1);
  const at::Tensor total = 3 * a.weight("w", 1).sum() + 4 * b.weight("w", 1).sum();
  CHECK(update.finish(total, 0.5, 0).item<double>() == Approx(std::sqrt(4 * 9 + 6 * 16.0)));
  CHECK(difference(model.parameters()[0].raw, at::full({2, 2}, -0.5)) < 1e-15);
  CHECK(difference(proxies.parameters()[0].raw, at::full({3, 2}, -1.0)) < 1e-15);
  update.begin(2);
  CHECK_FALSE(update.finish(a.weight("w", 2).sum(), 0.5, 1, /*measure=*/false).defined());
}

TEST_CASE("non-finite terms give a non-finite norm, not a crash", "[train][update]") {
  ParameterSet set = one_weight(weight_cases()[0], Norm::spectral);
  EffectiveWeights weights(set, {});
  Update update({{"player", &weights}}, {});
  update.begin(1);
  CHECK_FALSE(std::isfinite(update.finish((weights.weight(0, 1) * NAN).sum(), 0.1, 0).item<double>()));
}

TEST_CASE("a total that cannot be trained on is refused", "[train][update]") {
  ParameterSet set = one_weight(weight_cases()[0], Norm::none);
  EffectiveWeights weights(set, {});
  Update update({{"player", &weights}}, {});
  update.begin(1);
  CHECK_THROWS_WITH(update.finish(weights.weight(0, 1) * 2, 0.1, 0), Catch::Contains("must be a scalar"));
  CHECK_THROWS_WITH(update.finish(at::ones({}), 0.1, 0),
                    Catch::Contains("depends on none of its parameters"));
}
