#include "train_support.hpp"

#include "train/effective.hpp"
#include "train/gradients.hpp"
#include "train/update.hpp"

using namespace saddle::train;
using namespace saddle::train::test;
using torch::autograd::grad;

namespace {

// A function of a weight with a gradient that differs everywhere.
at::Tensor some_loss(const at::Tensor& w) {
  const at::Tensor c = at::arange(1, w.numel() + 1, at::kDouble).view(w.sizes()) * 0.3;
  return (w * c).sin().sum() + w.pow(3).sum();
}

// W / (u^T W v) as the paper writes it.
at::Tensor plain_spectral(const at::Tensor& w, Layout layout, const at::Tensor& u, const at::Tensor& v) {
  return w / u.flatten().dot(plain_matrix(w, layout).mv(v.contiguous().flatten()));
}

// g v / |v| for each output, one by one.
at::Tensor plain_weight_norm(const at::Tensor& w, const at::Tensor& g, Layout layout) {
  const int64_t out = layout == Layout::conv_transpose ? 1 : 0;
  std::vector<at::Tensor> slices;
  for (int64_t o = 0; o < w.size(out); ++o) {
    const at::Tensor slice = w.select(out, o);
    slices.push_back(slice * g.flatten()[o] / slice.pow(2).sum().sqrt());
  }
  return at::stack(slices, out);
}

at::Tensor fresh_leaf(const at::Tensor& t) { return t.detach().clone().requires_grad_(); }

double largest_singular_value(const at::Tensor& w, Layout layout) {
  return at::linalg_svdvals(plain_matrix(w.detach(), layout)).max().item<double>();
}

}  // namespace

TEST_CASE("spectral norm: effective weight and gradient with u, v frozen", "[train][norm]") {
  for (const Case& c : weight_cases()) {
    INFO(c.name);
    ParameterSet set = one_weight(c, Norm::spectral);
    EffectiveWeights weights(set, {});
    weights.begin(1, Use::own);
    const at::Tensor effective = weights.weight(0, 1);
    const Parameter& p = set.parameters()[0];
    const at::Tensor u = p.singular.u.clone(), v = p.singular.v.clone();

    at::Tensor raw = fresh_leaf(p.raw);
    const at::Tensor direct = plain_spectral(raw, c.layout, u, v);
    CHECK(difference(effective, direct) < 1e-13);
    CHECK(effective.is_leaf());
    CHECK(effective.strides() == p.raw.strides());

    const auto by_leaf = collect_gradients(weights.leaves(), grad({some_loss(effective)}, weights.leaves()));
    const at::Tensor found = weights.pull_back(by_leaf).at(0);
    const at::Tensor expected = grad({some_loss(direct)}, {raw})[0];
    CHECK(difference(found, expected) < 1e-12);
    CHECK(difference(found, finite_differences(
                                [&] { return some_loss(plain_spectral(raw, c.layout, u, v)).item<double>(); },
                                raw)) < 1e-7);
    // The gradient is not merely G / sigma: the term through sigma matters.
    const at::Tensor sigma =
        u.flatten().dot(plain_matrix(p.raw.detach(), c.layout).mv(v.contiguous().flatten()));
    CHECK(difference(found, by_leaf[0] / sigma) > 1e-3);
    // Differentiating did not touch u and v.
    CHECK(same_bits(p.singular.u, u));
    CHECK(same_bits(p.singular.v, v));
  }
}

TEST_CASE("weight norm: effective weight and gradients of v and g", "[train][norm]") {
  for (const Case& c : weight_cases()) {
    INFO(c.name);
    ParameterSet set = one_weight(c, Norm::weight);
    const Parameter& p = set.parameters()[0];
    EffectiveWeights weights(set, {});
    weights.begin(1, Use::own);
    CHECK(difference(weights.weight(0, 1), p.raw) < 1e-14);  // starts as the weight itself

    {
      const c10::NoGradGuard no_grad;
      p.g.mul_(at::arange(1, p.g.numel() + 1, at::kDouble).view(p.g.sizes()));
    }
    weights.begin(2, Use::own);
    at::Tensor raw = fresh_leaf(p.raw), g = fresh_leaf(p.g);
    const at::Tensor direct = plain_weight_norm(raw, g, c.layout);
    CHECK(difference(weights.weight(0, 2), direct) < 1e-13);
    const auto by_leaf =
        collect_gradients(weights.leaves(), grad({some_loss(weights.weight(0, 2))}, weights.leaves()));
    const auto found = weights.pull_back(by_leaf);
    REQUIRE(found.size() == 2);
    const auto expected = grad({some_loss(direct)}, {raw, g});
    CHECK(difference(found[0], expected[0]) < 1e-12);
    CHECK(difference(found[1], expected[1]) < 1e-12);
    const auto value = [&] { return some_loss(plain_weight_norm(raw, g, c.layout)).item<double>(); };
    CHECK(difference(found[0], finite_differences(value, raw)) < 1e-7);
    CHECK(difference(found[1], finite_differences(value, g)) < 1e-7);
  }
}

TEST_CASE("a gradient penalty reaches the raw weights through the effective leaves", "[train][norm]") {
  for (const Norm norm : {Norm::spectral, Norm::weight}) {
    INFO(to_string(norm));
    ParameterOptions options;
    options.dtype = at::kDouble;
    ParameterSet set({{"conv", {3, 2, 3, 3}, Layout::conv, Init::he_normal(), norm},
                      {"bias", {3}, Layout::other, Init::normal(0, 0.5)},
                      {"up", {3, 2, 2, 2}, Layout::conv_transpose, Init::he_normal(), norm},
                      {"head", {1, 32}, Layout::linear, Init::xavier_normal(), norm}},
                     {}, generator(), options);
    EffectiveWeights weights(set, {});
    OptimizerConfig config;
    Update update({{"discriminator", &weights}}, config);
    const at::Tensor x = random({2, 2, 4, 4}, 11);

    using Weights = std::vector<at::Tensor>;
    const auto network = [](const at::Tensor& input, const Weights& w) {
      at::Tensor h = at::conv2d(input, w[0], w[1], 2, 1).tanh();
      h = at::conv_transpose2d(h, w[2], {}, 2).tanh();
      return at::linear(h.flatten(1), w[3]);
    };
    // mean D(x) + 10 mean (|grad_x D| - 1)^2, with grad inside the graph, and D run twice.
    const auto total = [&](const Weights& w) {
      const at::Tensor input = x.detach().requires_grad_();
      const at::Tensor by_input =
          grad({network(input, w).sum()}, {input}, {}, true, /*create_graph=*/true)[0];
      return network(x * 0.5, w).mean() + 10 * (by_input.flatten(1).norm(2, 1) - 1).pow(2).mean();
    };

    update.begin(1);
    Weights effective;
    for (std::size_t i = 0; i < 4; ++i) effective.push_back(weights.weight(i, 1));
    const auto found = update.gradients(total(effective));

    Weights leaves;
    for (const at::Tensor& leaf : set.leaves()) leaves.push_back(fresh_leaf(leaf));
    const auto plain = [&] {
      Weights w;
      std::size_t next = 0;
      for (const Parameter& p : set.parameters()) {
        const at::Tensor& raw = leaves[next++];
        if (p.spec.norm == Norm::none) w.push_back(raw);
        if (p.spec.norm == Norm::spectral)
          w.push_back(plain_spectral(raw, p.spec.layout, p.singular.u, p.singular.v));
        if (p.spec.norm == Norm::weight) w.push_back(plain_weight_norm(raw, leaves[next++], p.spec.layout));
      }
      return w;
    };
    const auto expected = grad({total(plain())}, leaves);
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      INFO(set.leaf_names()[i]);
      CHECK(difference(found[i], expected[i]) < 1e-11);
      const auto value = [&] {
        const c10::AutoGradMode with_grad(true);  // the penalty differentiates
        return total(plain()).item<double>();
      };
      CHECK(difference(found[i], finite_differences(value, leaves[i], 1e-5)) < 1e-6);
    }
  }
}

TEST_CASE("sigma converges to the largest singular value", "[train][norm]") {
  for (const Case& c : weight_cases()) {
    INFO(c.name);
    ParameterSet set = one_weight(c, Norm::spectral);
    const double largest = largest_singular_value(set.parameters()[0].raw, c.layout);
    {
      EffectiveWeights weights(set, {.iterations = 3});
      for (int64_t update = 1; update <= 300; ++update) {
        weights.begin(update, Use::own);
        weights.weight(0, update);
      }
      CHECK(largest_singular_value(weights.weight(0, 300), c.layout) == Approx(1).epsilon(1e-8));
    }
    // A copy with other weights and stale vectors, read once.
    ParameterSet average = set.average();
    average.parameters()[0].raw.copy_(random(c.shape, 99));
    EffectiveWeights read(average, {}, /*converge=*/true);
    read.begin(1, Use::measure);
    CHECK(largest_singular_value(read.weight(0, 1), c.layout) == Approx(1).epsilon(1e-7));
    // Found anew when the copy has moved on.
    average.parameters()[0].raw.mul_(3).add_(random(c.shape, 98));
    read.begin(2, Use::measure);
    CHECK(largest_singular_value(read.weight(0, 2), c.layout) == Approx(1).epsilon(1e-7));
    CHECK(largest != Approx(largest_singular_value(average.parameters()[0].raw, c.layout)));
  }
}

TEST_CASE("u and v move when the rule says, and once an update", "[train][norm]") {
  const Case& c = weight_cases()[4];
  const auto moves = [&](SpectralRule rule, Use use) {
    ParameterSet set = one_weight(c, Norm::spectral);
    set.parameters()[0].raw.detach().copy_(random(c.shape, 5));  // so that u is not converged
    EffectiveWeights weights(set, {.iterations = 1, .rule = rule});
    const at::Tensor before = set.parameters()[0].singular.u.clone();
    weights.begin(1, use);
    weights.weight(0, 1);
    const at::Tensor after = set.parameters()[0].singular.u.clone();
    for (int i = 0; i < 3; ++i) weights.weight(0, 1);  // read again
    weights.begin(1, use);                             // begun again
    weights.weight(0, 1);
    weights.begin(1, Use::measure);
    weights.weight(0, 1);
    CHECK(same_bits(set.parameters()[0].singular.u, after));
    return !same_bits(before, after);
  };
  CHECK(moves(SpectralRule::own, Use::own));
  CHECK_FALSE(moves(SpectralRule::own, Use::other));
  CHECK_FALSE(moves(SpectralRule::own, Use::measure));
  CHECK(moves(SpectralRule::every, Use::own));
  CHECK(moves(SpectralRule::every, Use::other));
  CHECK_FALSE(moves(SpectralRule::every, Use::measure));
}

TEST_CASE("one iteration is v <- W^T u, u <- W v, normalised", "[train][norm]") {
  for (const Case& c : weight_cases()) {
    INFO(c.name);
    ParameterSet set = one_weight(c, Norm::spectral);
    Parameter& p = set.parameters()[0];
    p.raw.detach().copy_(random(c.shape, 5));
    const at::Tensor m = plain_matrix(p.raw.detach(), c.layout);
    at::Tensor u = p.singular.u.flatten().clone();
    at::Tensor v = m.t().mv(u);
    v = v / v.norm();
    u = m.mv(v);
    u = u / u.norm();
    EffectiveWeights weights(set, {.iterations = 1});
    weights.begin(1, Use::own);
    weights.weight(0, 1);
    CHECK(difference(p.singular.u.flatten(), u) < 1e-13);
    CHECK(difference(p.singular.v.contiguous().flatten(), v) < 1e-13);
  }
}

TEST_CASE("only a player's own update hands out weights that require grad", "[train][norm]") {
  ParameterOptions options;
  options.dtype = at::kDouble;
  ParameterSet set({{"w", {3, 4}, Layout::linear, Init::he_normal(), Norm::spectral},
                    {"b", {3}, Layout::other, Init::ones()}},
                   {}, generator(), options);
  EffectiveWeights weights(set, {});
  for (const Use use : {Use::own, Use::other, Use::measure}) {
    weights.begin(1, use);
    CHECK(weights.weight("w", 1).requires_grad() == (use == Use::own));
    CHECK(weights.weight("b", 1).requires_grad() == (use == Use::own));
  }
  CHECK_THROWS_AS(weights.leaves(), std::logic_error);
  CHECK_THROWS_AS(weights.pull_back({}), std::logic_error);
}

TEST_CASE("a stale effective weight cannot be read", "[train][norm]") {
  for (const OptimizerKind kind :
       {OptimizerKind::adam, OptimizerKind::adamw, OptimizerKind::sgd, OptimizerKind::rmsprop}) {
    for (const Norm norm : {Norm::spectral, Norm::weight}) {
      ParameterSet set = one_weight(weight_cases()[0], norm);
      EffectiveWeights weights(set, {});
      OptimizerConfig config;
      config.kind = kind;
      Update update({{"player", &weights}}, config);
      update.begin(1);
      update.finish(weights.weight(0, 1).pow(2).sum(), 0.1, 0);
      CHECK_THROWS_AS(weights.weight(0, 1), std::logic_error);  // the step changed the raw weight
      CHECK_THROWS_AS(weights.weight(0, 2), std::logic_error);  // not begun
      weights.begin(2, Use::other);
      CHECK_NOTHROW(weights.weight(0, 2));
      CHECK_THROWS_AS(weights.weight(0, 1), std::logic_error);  // over
      CHECK_THROWS_AS(weights.begin(1, Use::own), std::logic_error);
    }
  }
}
