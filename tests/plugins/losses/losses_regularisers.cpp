// dragan, lecam, consistency and unet against literal forms.
#include <plugins/harness.hpp>

#include <catch2/catch.hpp>

using namespace saddle;
using namespace saddle::test;

namespace {

double value(const NamedTensors& terms, const std::string& name) {
  const at::Tensor term = worker::find(terms, name);
  REQUIRE(term.defined());
  return term.item<double>();
}

// A picture that is one of x's mirrored or moved copies, reflected at the border; {dy, dx, mirrored} or
// nothing.
std::vector<int64_t> found_copy(const at::Tensor& y, const at::Tensor& x, int64_t most, bool mirror) {
  for (int m = 0; m < (mirror ? 2 : 1); ++m) {
    const at::Tensor source = m ? at::flip(x, {2}) : x;
    const at::Tensor padded = at::reflection_pad2d(source.unsqueeze(0), {most, most, most, most})[0];
    for (int64_t dy = 0; dy <= 2 * most; ++dy)
      for (int64_t dx = 0; dx <= 2 * most; ++dx)
        if (at::equal(y, padded.slice(1, dy, dy + x.size(1)).slice(2, dx, dx + x.size(2))))
          return {dy, dx, m};
  }
  return {};
}

}  // namespace

TEST_CASE("dragan looks around the real samples and takes their gradient's norm") {
  at::manual_seed(1);
  const at::Tensor w = at::randn({1, 1, 3, 2}, at::kDouble).requires_grad_();
  const at::Tensor real = at::randn({64, 1, 3, 2}, at::kDouble);
  at::Tensor seen;
  TestLoss loss("dragan", {{"target", 0.5}, {"noise", 0.25}});
  loss.model = [&](const NamedTensors& in) {
    seen = worker::find(in, "image");
    return NamedTensors{{"logit", (seen * w).sum({1, 2, 3}).unsqueeze(1)}};
  };
  loss.tensors = {{"real.image", real}};
  const at::Tensor penalty = worker::find(loss.terms("discriminator"), "penalty"), norm = w.norm();
  CHECK(penalty.item<double>() == Approx((norm - 0.5).square().item<double>()));
  CHECK(distance(gradients(penalty, {w})[0], 2 * (norm - 0.5) * w / norm) < 1e-9);
  const at::Tensor noise = (seen - real) / (0.25 * real.std());
  CHECK(noise.min().item<double>() >= 0);
  CHECK(noise.max().item<double>() <= 1);
  CHECK(noise.mean().item<double>() == Approx(0.5).margin(0.1));
  CHECK(noise.std().item<double>() == Approx(std::sqrt(1.0 / 12)).margin(0.05));
  CHECK(loss.terms("generator").empty());
}

TEST_CASE("lecam holds logits near moving averages of the other side, from its start on") {
  at::manual_seed(2);
  TestLoss loss("lecam", {{"decay", 0.75}, {"start", 2}});
  double real_mean = 0, fake_mean = 0;
  for (int64_t round = 0; round < 5; ++round) {
    const at::Tensor real = at::randn({8, 1}, at::kDouble).requires_grad_();
    const at::Tensor fake = at::randn({8, 1}, at::kDouble).requires_grad_();
    loss.tensors = {{"discriminator.real.logit", real}, {"discriminator.fake.logit", fake}};
    const NamedTensors terms = loss.terms("discriminator", round);
    const double decay = round < 2 ? 0 : 0.75, real_before = real_mean, fake_before = fake_mean;
    real_mean = decay * real_mean + (1 - decay) * real.mean().item<double>();
    fake_mean = decay * fake_mean + (1 - decay) * fake.mean().item<double>();
    CHECK(loss.buffers[0].item<double>() == Approx(real_mean));
    CHECK(loss.buffers[1].item<double>() == Approx(fake_mean));
    if (round < 2) {
      CHECK(terms.empty());
      continue;
    }
    double expected = 0;
    for (int64_t i = 0; i < 8; ++i) {
      const double r = std::max(0.0, real[i].item<double>() - fake_before);
      const double f = std::max(0.0, real_before - fake[i].item<double>());
      expected += (r * r + f * f) / 8;
    }
    CHECK(value(terms, "penalty") == Approx(expected));
    const at::Tensor slope = gradients(worker::find(terms, "penalty"), {real})[0];
    CHECK(distance(slope, 2 * (real - fake_before).clamp_min(0) / 8) < 1e-12);
  }
}

TEST_CASE("consistency compares with copies that are mirrored and moved") {
  at::manual_seed(3);
  const at::Tensor real = at::randn({400, 2, 8, 8}, at::kDouble);
  for (const bool mirror : {true, false}) {
    TestLoss loss("consistency", {{"real", 2.0}, {"flip", mirror}});
    at::Tensor seen;
    loss.model = [&](const NamedTensors& in) {
      seen = worker::find(in, "image");
      return NamedTensors{{"logit", seen.select(1, 0).select(1, 0).select(1, 0).unsqueeze(1)}};
    };
    const at::Tensor logit = at::randn({400, 1}, at::kDouble);
    loss.tensors = {{"real.image", real}, {"discriminator.real.logit", logit}};
    const NamedTensors terms = loss.terms("discriminator");
    REQUIRE(terms.size() == 1);
    CHECK(value(terms, "real") ==
          Approx(2 * (logit - seen.select(1, 0).select(1, 0).select(1, 0).unsqueeze(1))
                         .square()
                         .mean()
                         .item<double>()));
    std::map<std::vector<int64_t>, int> copies;
    for (int64_t i = 0; i < 400; ++i) ++copies[found_copy(seen[i], real[i], 1, mirror)];
    CHECK_FALSE(copies.contains({}));
    CHECK(copies.size() == (mirror ? 18 : 9));  // every place and side is drawn
  }
}

TEST_CASE("zCR pulls the discriminator together and pushes the generator apart around a latent") {
  at::manual_seed(4);
  TestLoss loss("consistency",
                {{"real", 0.0}, {"latent_discriminator", 3.0}, {"latent_generator", 0.5}, {"radius", 0.1}});
  const at::Tensor z = at::randn({500, 4}, at::kDouble);
  at::Tensor near;
  loss.model = [&](const NamedTensors& in) {
    if (const at::Tensor given = worker::find(in, "z"); given.defined()) {
      near = given;
      return NamedTensors{{"image", 2 * given}};
    }
    return NamedTensors{{"logit", worker::find(in, "image").sum(1, true)}};
  };
  loss.tensors = {{"latent.z", z}, {"fake.image", 2 * z}, {"discriminator.fake.logit", (2 * z).sum(1, true)}};
  const double together = value(loss.terms("discriminator"), "latent");
  CHECK(together == Approx(3 * (2 * (z - near)).sum(1).square().mean().item<double>()));
  CHECK((near - z).std().item<double>() == Approx(0.1).epsilon(0.1));
  const double apart = value(loss.terms("generator"), "latent");
  CHECK(apart == Approx(-0.5 * (2 * (z - near)).square().mean().item<double>()));
}

TEST_CASE("unet's terms are cross-entropies per picture and per pixel, and consistency under CutMix") {
  at::manual_seed(5);
  const auto bce = [](const at::Tensor& logit, const at::Tensor& target) {
    return at::binary_cross_entropy_with_logits(logit, target).item<double>();
  };
  const at::Tensor real = at::ones({300, 1, 8, 8}, at::kDouble),
                   fake = at::zeros({300, 1, 8, 8}, at::kDouble);
  TestLoss loss("unet", {{"consistency", 2.0}, {"warmup", 10}});
  at::Tensor mixed;
  const auto pixels = [](const at::Tensor& x) { return 3 * x.roll(1, 2) - 1; };
  const auto judge = [](const at::Tensor& x) { return x.sum({1, 2, 3}).unsqueeze(1) / 32 - 1; };
  loss.model = [&](const NamedTensors& in) {
    mixed = worker::find(in, "image");
    return NamedTensors{{"logit", judge(mixed)}, {"pixel_logit", pixels(mixed)}};
  };
  loss.tensors = {{"real.image", real},
                  {"fake.image", fake},
                  {"discriminator.real.logit", judge(real)},
                  {"discriminator.fake.logit", judge(fake)},
                  {"discriminator.real.pixel_logit", pixels(real)},
                  {"discriminator.fake.pixel_logit", pixels(fake)}};
  CHECK(loss.terms("discriminator", 0).size() == 4);  // warming up from nothing
  const NamedTensors terms = loss.terms("discriminator", 5);
  REQUIRE(terms.size() == 7);
  CHECK(value(terms, "real") == Approx(bce(judge(real), at::ones({300, 1}, at::kDouble))));
  CHECK(value(terms, "fake") == Approx(bce(judge(fake), at::zeros({300, 1}, at::kDouble))));
  CHECK(value(terms, "real_pixels") == Approx(bce(pixels(real), real)));
  CHECK(value(terms, "fake_pixels") == Approx(bce(pixels(fake), fake)));
  // Where real is 1 and fake 0 the patched picture is its own mask; weight 2 * 5 / 10.
  const at::Tensor mask = mixed;
  CHECK(((mask == 0) | (mask == 1)).all().item<bool>());
  CHECK(value(terms, "cutmix") == Approx(bce(judge(mixed), at::zeros({300, 1}, at::kDouble))));
  CHECK(value(terms, "cutmix_pixels") == Approx(bce(pixels(mixed), mask)));
  const at::Tensor expected = mask * pixels(real) + (1 - mask) * pixels(fake);
  CHECK(value(terms, "consistency") == Approx((pixels(mixed) - expected).square().mean().item<double>()));
  // Boxes: rows and columns of one side are all alike; sizes and sides vary.
  const at::Tensor area = mask.mean({1, 2, 3});
  CHECK(area.min().item<double>() < 0.2);
  CHECK(area.max().item<double>() > 0.8);
  for (int64_t i = 0; i < 300; ++i) {
    const at::Tensor m = mask[i][0], rows = m.amax(1, true), columns = m.amax(0, true);
    const at::Tensor inverse = 1 - m;
    const bool box = at::equal(m, rows * columns);
    CHECK((box || at::equal(inverse, inverse.amax(1, true) * inverse.amax(0, true))));
  }
  CHECK(value(loss.terms("generator"), "fake") == Approx(bce(judge(fake), at::ones({300, 1}, at::kDouble))));
}

TEST_CASE("ortho sums the squares of the Gram matrices off their diagonals, and skips what is shared") {
  at::manual_seed(6);
  struct Weight {
    train::ParameterSpec spec;
    at::Tensor raw;
  };
  const auto weight = [](const std::string& name, std::vector<int64_t> shape, train::Layout layout) {
    train::ParameterSpec spec;
    spec.name = name;
    spec.shape = shape;
    spec.layout = layout;
    return Weight{spec, at::randn(shape, at::kDouble).requires_grad_()};
  };
  std::vector<Weight> all = {weight("a.weight", {3, 4}, train::Layout::linear),
                             weight("b.weight", {4, 2, 3, 3}, train::Layout::conv),
                             weight("c.weight", {2, 3, 4, 4}, train::Layout::conv_transpose),
                             weight("gain.weight", {5, 3}, train::Layout::embedding),
                             weight("shared.weight", {5, 3}, train::Layout::embedding),
                             weight("a.bias", {3}, train::Layout::other)};
  for (const bool diagonal : {false, true})
    for (const std::string form : {"loss", "gradient"}) {
      TestLoss loss("ortho", {{"beta", 0.01}, {"diagonal", diagonal}, {"form", form}});
      for (const Weight& w : all) loss.weights.push_back({&w.spec, true, w.raw * 2, w.raw});
      double expected = 0;
      std::vector<at::Tensor> slopes;
      for (size_t k = 0; k < 4; ++k) {
        const at::Tensor turned = k == 2 ? all[k].raw.detach().transpose(0, 1) : all[k].raw.detach();
        const at::Tensor w = turned.reshape({turned.size(0), -1});
        const at::Tensor identity = at::eye(w.size(0), at::kDouble);
        const at::Tensor gram = w.mm(w.t()), excess = diagonal ? gram - identity : gram * (1 - identity);
        for (int64_t i = 0; i < w.size(0); ++i)
          for (int64_t j = 0; j < w.size(0); ++j)
            if (i != j || diagonal) expected += 0.01 * std::pow(excess[i][j].item<double>(), 2);
        // BigGAN-PyTorch adds 2 beta (...) W; the loss's own slope is twice that.
        const at::Tensor slope = (form == "loss" ? 4 : 2) * 0.01 * excess.mm(w);
        slopes.push_back(k == 2 ? slope.view_as(turned).transpose(0, 1) : slope.view_as(turned));
      }
      const at::Tensor penalty = worker::find(loss.terms("generator"), "penalty");
      CHECK(penalty.item<double>() == Approx(form == "loss" ? expected : expected / 2));
      std::vector<at::Tensor> raw;
      for (const Weight& w : all) raw.push_back(w.raw);
      const auto found = gradients(penalty, raw);
      for (size_t k = 0; k < 4; ++k) CHECK(distance(found[k], slopes[k]) < 1e-10);
      CHECK(found[4].abs().max().item<double>() == 0);
      CHECK(loss.terms("discriminator").empty());
    }
}
