// What the penalties must do beside their formula, and facts that hold for any logits.
#include <plugins/harness.hpp>

#include <catch2/catch.hpp>

using namespace saddle;
using namespace saddle::test;

namespace {

// D(x) = <w, x>: its gradient is w everywhere, so penalties have closed forms.
struct Linear {
  at::Tensor w = at::randn({1, 1, 3, 2}, at::kDouble).requires_grad_();
  at::Tensor operator()(const at::Tensor& x) const { return (x * w).sum({1, 2, 3}).unsqueeze(1); }
  NamedTensors operator()(const NamedTensors& in) const {
    return {{"logit", (*this)(worker::find(in, "image"))}};
  }
};

double value(const NamedTensors& terms, const std::string& name) {
  return worker::find(terms, name).item<double>();
}

}  // namespace

TEST_CASE("gradient_penalty of a linear discriminator is (|w| - target)^2") {
  at::manual_seed(1);
  const Linear d;
  TestLoss loss("gradient_penalty", {{"target", 0.5}});
  loss.model = d;
  loss.tensors = {{"real.image", at::randn({4, 1, 3, 2}, at::kDouble)},
                  {"fake.image", at::randn({4, 1, 3, 2}, at::kDouble)}};
  const at::Tensor norm = d.w.norm();
  const at::Tensor penalty = worker::find(loss.terms("discriminator"), "penalty");
  CHECK(penalty.item<double>() == Approx((norm - 0.5).square().item<double>()));
  CHECK(distance(gradients(penalty, {d.w})[0], 2 * (norm - 0.5) * d.w / norm) < 1e-9);
}

TEST_CASE("gradient_penalty looks between each real and its fake, with one number a pair") {
  at::manual_seed(2);
  const Linear d;
  TestLoss loss("gradient_penalty");
  const at::Tensor real = at::randn({64, 1, 3, 2}, at::kDouble), fake = at::randn({64, 1, 3, 2}, at::kDouble);
  at::Tensor seen, label;
  loss.model = [&](const NamedTensors& in) {
    seen = worker::find(in, "image");
    label = worker::find(in, "label");
    return d(in);
  };
  loss.tensors = {{"real.image", real}, {"fake.image", fake}};
  loss.terms("discriminator");
  const at::Tensor alpha = (seen - fake) / (real - fake);
  CHECK(distance(alpha, alpha.select(3, 0).select(2, 0).view({64, 1, 1, 1}).expand_as(alpha)) < 1e-9);
  CHECK(alpha.min().item<double>() < 0.2);
  CHECK(alpha.max().item<double>() > 0.8);
  CHECK(alpha.min().item<double>() >= 0);
  CHECK(alpha.max().item<double>() <= 1);
  CHECK_FALSE(label.defined());

  loss.tensors["real.label"] = at::arange(64);
  loss.terms("discriminator");
  CHECK(at::equal(label, at::arange(64)));
}

TEST_CASE("gradient_penalty reaches neither the generator nor the data") {
  at::manual_seed(3);
  TestLoss loss("gradient_penalty");
  const at::Tensor w = at::randn({6}, at::kDouble).requires_grad_();
  loss.model = [&](const NamedTensors& in) {
    return NamedTensors{{"logit", at::tanh(at::mv(worker::find(in, "image").flatten(1), w))}};
  };
  const at::Tensor real = at::randn({4, 6}, at::kDouble).requires_grad_(),
                   fake = at::randn({4, 6}, at::kDouble).requires_grad_();
  loss.tensors = {{"real.image", real}, {"fake.image", fake}};
  const auto found = gradients(loss.total("discriminator"), {real, fake, w});
  CHECK(found[0].abs().max().item<double>() == 0);
  CHECK(found[1].abs().max().item<double>() == 0);
  CHECK(found[2].abs().max().item<double>() > 0);
  CHECK_FALSE(loss.loss.speaks_to("generator"));
}

TEST_CASE("gradient_penalty of a flat discriminator has finite gradients") {
  TestLoss loss("gradient_penalty");
  const at::Tensor w = at::zeros({6}, at::kFloat).requires_grad_();
  loss.model = [&](const NamedTensors& in) {
    return NamedTensors{{"logit", at::mv(worker::find(in, "image").flatten(1), w)}};
  };
  loss.tensors = {{"real.image", at::randn({4, 6})}, {"fake.image", at::randn({4, 6})}};
  const at::Tensor total = loss.total("discriminator");
  CHECK(total.item<double>() == Approx(1).epsilon(1e-5));
  CHECK(at::isfinite(gradients(total, {w})[0]).all().item<bool>());
}

TEST_CASE("gradient_penalty says so when there is no fake for each real") {
  TestLoss loss("gradient_penalty");
  loss.model = Linear();
  loss.tensors = {{"real.image", at::randn({4, 1, 3, 2}, at::kDouble)},
                  {"fake.image", at::randn({5, 1, 3, 2}, at::kDouble)}};
  CHECK_THAT(error_of([&] { loss.terms("discriminator"); }), Catch::Contains("4 real and 5 fake"));
  loss.tensors.erase("fake.image");
  CHECK_THAT(error_of([&] { loss.terms("discriminator"); }), Catch::Contains("fake.image"));
}

TEST_CASE("r1 of a linear discriminator is gamma / 2 |w|^2") {
  at::manual_seed(4);
  const Linear d;
  TestLoss loss("r1", {{"gamma", 3.0}});
  const at::Tensor real = at::randn({5, 1, 3, 2}, at::kDouble).requires_grad_();
  loss.tensors = {{"real.image", real}, {"discriminator.real.logit", d(real)}};
  CHECK(value(loss.terms("discriminator"), "penalty") == Approx(1.5 * d.w.square().sum().item<double>()));
  CHECK(distance(gradients(loss.total("discriminator"), {d.w})[0], 3 * d.w) < 1e-9);
  CHECK_FALSE(loss.loss.speaks_to("generator"));
  CHECK(loss.loss.needs("discriminator") ==
        std::vector<std::string>{"discriminator.logit", "gradient:real.image"});
}

TEST_CASE("lazy r1 has a term in every fourth round, four times as large") {
  const Linear d;
  const at::Tensor real = at::randn({5, 1, 3, 2}, at::kDouble).requires_grad_();
  TestLoss eager("r1"), lazy("r1", {{"every", 4}});
  eager.tensors = lazy.tensors = {{"real.image", real}, {"discriminator.real.logit", d(real)}};
  double sum_eager = 0, sum_lazy = 0;
  for (int64_t round = 0; round < 12; ++round) {
    sum_eager += value(eager.terms("discriminator", round), "penalty");
    const NamedTensors terms = lazy.terms("discriminator", round);
    REQUIRE(terms.size() == (round % 4 == 0 ? 1 : 0));
    if (!terms.empty()) sum_lazy += value(terms, "penalty");
  }
  CHECK(sum_lazy == Approx(sum_eager));
}

TEST_CASE("non-saturating and minimax generators differ by the sign of a logit's pull, not its direction") {
  at::manual_seed(6);
  const at::Tensor fake = at::randn({9, 1}, at::kDouble).requires_grad_();
  const auto gradient = [&](const std::string& name) {
    TestLoss loss(name);
    loss.tensors = {{"discriminator.fake.logit", fake}};
    return gradients(loss.total("generator"), {fake})[0] * 9;
  };
  // d/df -softplus(-f) = sigmoid(-f); d/df softplus(f) = sigmoid(f): both push f up, and together by one.
  CHECK(distance(gradient("ns"), -at::sigmoid(-fake)) < 1e-8);
  CHECK(distance(gradient("minimax"), -at::sigmoid(fake)) < 1e-8);
}

TEST_CASE("cross-entropies stay finite at huge logits") {
  for (const std::string name : {"minimax", "ns"}) {
    TestLoss loss(name);
    const at::Tensor real = at::full({2, 1}, -1e4).requires_grad_(),
                     fake = at::full({2, 1}, 1e4).requires_grad_();
    loss.tensors = {{"discriminator.real.logit", real}, {"discriminator.fake.logit", fake}};
    CHECK(loss.total("discriminator").item<double>() == Approx(2e4));
    for (const auto& g : gradients(loss.total("discriminator"), {real, fake}))
      CHECK(at::isfinite(g).all().item<bool>());
  }
}
