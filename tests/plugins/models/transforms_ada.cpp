// ada: each of its operations, how p moves, and that gradients follow.
#include <plugins/harness.hpp>

#include <catch2/catch.hpp>

#include <set>

using namespace saddle;
using namespace saddle::test;

namespace {

const json kNothing = {{"flip", false}, {"rotate90", false}, {"move", 0},       {"scale", 0},
                       {"rotate", 0},   {"hue", 0},          {"brightness", 0}, {"contrast", 0},
                       {"p", 1},        {"images", 0},       {"saturation", 0}, {"luma_flip", false}};

struct Ada {
  explicit Ada(json given, const std::vector<int64_t>& shape = {3, 8, 8})
      : transform(component("transform", "ada"),
                  with_defaults(component("transform", "ada"), std::move(given)), {{"sample_shape", shape}}),
        buffers(transform.first_buffers()) {}
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& logit = {}) {
    return transform.apply(x, buffers, logit);
  }
  double p() const { return buffers[0].item<double>(); }
  worker::Transform transform;
  std::vector<at::Tensor> buffers;
};

// Only one operation, with probability 1.
Ada only(const std::string& operation, const json& value, const std::vector<int64_t>& shape = {3, 8, 8}) {
  json config = kNothing;
  config[operation] = value;
  return Ada(config, shape);
}

}  // namespace

TEST_CASE("ada at p 0 gives every picture back as it is") {
  at::manual_seed(1);
  const at::Tensor x = at::randn({16, 3, 8, 8});
  CHECK(at::equal(Ada(json::object())(x), x));
  CHECK(at::equal(Ada(kNothing)(x), x));
}

TEST_CASE("ada mirrors, turns by quarters and moves by whole pixels") {
  at::manual_seed(2);
  const at::Tensor x = at::randn({200, 3, 8, 8});
  const auto count = [&](Ada ada, const std::vector<at::Tensor>& candidates) {
    const at::Tensor y = ada(x);
    std::vector<int> found(candidates.size());
    for (int64_t i = 0; i < x.size(0); ++i) {
      bool any = false;
      for (size_t k = 0; k < candidates.size(); ++k)
        if (distance(y[i], candidates[k][i]) < 1e-5) {
          ++found[k];
          any = true;
        }
      CHECK(any);
    }
    return found;
  };
  for (const int n : count(only("flip", true), {x, x.flip(3)})) CHECK(n > 70);
  std::vector<at::Tensor> turned, moved;
  for (int64_t k = 0; k < 4; ++k) turned.push_back(at::rot90(x, k, {2, 3}));
  for (const int n : count(only("rotate90", true), turned)) CHECK(n > 25);
  // Half a step more than a pixel rounds to one: 9 places, the border mirrored with its edge.
  const at::Tensor padded = at::replication_pad2d(x, {1, 1, 1, 1});
  for (int64_t dy = 0; dy <= 2; ++dy)
    for (int64_t dx = 0; dx <= 2; ++dx) moved.push_back(padded.slice(2, dy, dy + 8).slice(3, dx, dx + 8));
  for (const int n : count(only("move", 0.185), moved)) CHECK(n > 5);
}

TEST_CASE("ada scales and rotates about the middle") {
  at::manual_seed(3);
  // A disc keeps its form when turned; its area changes with the square of the scale.
  const at::Tensor line = at::arange(32, at::kDouble) - 15.5;
  const at::Tensor square = line.square(),
                   disc = (100 - (square.unsqueeze(0) + square.unsqueeze(1))).clamp(0, 1);
  const at::Tensor x = disc.expand({300, 1, 32, 32}).contiguous();
  const at::Tensor turned = only("rotate", 1.0, {1, 32, 32})(x);
  CHECK((turned - x).abs().mean().item<double>() < 0.02);
  const at::Tensor area = only("scale", 0.2, {1, 32, 32})(x).sum({1, 2, 3}) / disc.sum();
  const at::Tensor octaves = area.log2() / 2;
  CHECK(octaves.mean().item<double>() == Approx(0).margin(0.05));
  CHECK(octaves.std().item<double>() == Approx(0.2).epsilon(0.15));
  // A slope from left to right turns into every direction.
  const at::Tensor slope = (line / 16).expand({300, 1, 32, 32}).contiguous();
  const at::Tensor inner = only("rotate", 1.0, {1, 32, 32})(slope).slice(2, 12, 20).slice(3, 12, 20);
  const at::Tensor across = 16 * (inner.slice(3, 1) - inner.slice(3, 0, -1)).mean({1, 2, 3});
  const at::Tensor along = 16 * (inner.slice(2, 1) - inner.slice(2, 0, -1)).mean({1, 2, 3});
  CHECK(distance(across.square() + along.square(), at::ones_like(across)) < 1e-4);
  const at::Tensor angle = at::atan2(along, across);
  CHECK(angle.min().item<double>() < -2.8);
  CHECK(angle.max().item<double>() > 2.8);
  CHECK(std::abs(angle.mean().item<double>()) < 0.4);
}

TEST_CASE("ada's colours are one draw a picture, and hue and saturation leave grey as it is") {
  at::manual_seed(4);
  const at::Tensor x = at::randn({400, 3, 8, 8}, at::kDouble), grey = x.mean(1, true), color = x - grey;
  const auto same_everywhere = [](const at::Tensor& t) {
    const at::Tensor flat = t.flatten(1);
    return distance(flat, flat.select(1, 0).unsqueeze(1).expand_as(flat)) < 1e-6;
  };
  const at::Tensor added = only("brightness", 0.2)(x) - x;
  CHECK(same_everywhere(added));
  CHECK(added.std().item<double>() == Approx(0.2).epsilon(0.15));
  const at::Tensor factor = only("contrast", 0.5)(x) / x;
  CHECK(same_everywhere(factor));
  CHECK(factor.log2().std().item<double>() == Approx(0.5).epsilon(0.15));

  const at::Tensor mirrored = only("luma_flip", true)(x), hue = only("hue", 1.0)(x),
                   saturated = only("saturation", 1.0)(x);
  CHECK(distance(mirrored - mirrored.mean(1, true), color) < 1e-12);
  CHECK(same_everywhere(mirrored.mean(1, true) / grey));
  CHECK(distance(hue.mean(1, true), grey) < 1e-12);
  CHECK(distance((hue - grey).square().sum(1), color.square().sum(1)) < 1e-10);
  CHECK(distance(saturated.mean(1, true), grey) < 1e-12);
  CHECK(same_everywhere((saturated - grey) / color));
  // A third of a full turn about the axis of greys puts the channels in another order.
  json turn = kNothing;
  turn["hue"] = 1.0;
  const at::Tensor cosine = ((hue - grey) * color).sum(1) / color.square().sum(1);
  CHECK(same_everywhere(cosine));
  CHECK(cosine.min().item<double>() < -0.95);
  CHECK(cosine.max().item<double>() > 0.95);
  // Grey pictures have brightness and contrast only.
  json all = kNothing;
  all["hue"] = all["saturation"] = 1.0;
  all["luma_flip"] = true;
  CHECK(at::equal(Ada(all, {1, 8, 8})(x.slice(1, 0, 1)), x.slice(1, 0, 1)));
}

TEST_CASE("ada draws every operation with probability p") {
  at::manual_seed(5);
  const at::Tensor x = at::randn({2000, 3, 8, 8});
  for (const double p : {0.25, 0.75}) {
    json config = kNothing;
    config["brightness"] = 0.2;
    config["p"] = p;
    const at::Tensor changed = (Ada(config)(x) - x).abs().amax({1, 2, 3}).gt(0).to(at::kDouble);
    CHECK(changed.mean().item<double>() == Approx(p).margin(0.04));
  }
}

TEST_CASE("ada's p follows the sign of the discriminator's real logits") {
  at::manual_seed(6);
  const at::Tensor x = at::randn({2, 3, 8, 8});
  Ada ada({{"images", 1000}, {"interval", 2}, {"p", 0.5}, {"record", 1}});
  const auto share = [](double positive) {
    return at::where(at::arange(50) < 50 * positive, 1.0, -1.0).view({50, 1});
  };
  double expected = 0.5;
  // r_t = 2 share - 1; target 0.6 is a share of 0.8.
  for (const double positive : {0.9, 0.7, 0.9}) {
    ada(x, share(positive));
    CHECK(ada.p() == Approx(expected));
    ada(x);  // the fakes: nothing new is said
    ada(x, share(positive));
    expected += positive > 0.8 ? 0.1 : -0.1;  // 100 of 1000 images
    CHECK(ada.p() == Approx(expected));
  }
  // The mean over both updates decides.
  ada(x, share(1.0));
  ada(x, share(0.5));
  CHECK(ada.p() == Approx(expected - 0.1));
  for (int i = 0; i < 30; ++i) ada(x, share(1.0));
  CHECK(ada.p() == 1);
  Ada fixed({{"images", 0}, {"interval", 1}, {"p", 0.25}});
  fixed(x, share(1.0));
  CHECK(fixed.p() == 0.25);
}

TEST_CASE("gradients follow ada, and what it is not for is refused") {
  const at::Tensor x = at::randn({4, 3, 6, 6}, at::kDouble).requires_grad_();
  const at::Tensor weight = at::randn({4, 3, 6, 6}, at::kDouble);
  const auto loss = [&] {
    at::manual_seed(7);
    return (Ada({{"p", 0.8}}, {3, 6, 6})(x) * weight).sum();
  };
  CHECK(finite_difference_error([&] { return loss().item<double>(); }, x, gradients(loss(), {x})[0]) < 1e-7);
  CHECK_THAT(error_of([] { Ada(json::object(), {2}); }), Catch::Contains("the data set has points"));
  CHECK_THAT(error_of([] { Ada(json::object(), {3, 8, 4}); }), Catch::Contains("Set 'rotate90' to false"));
  CHECK_THAT(error_of([] { Ada(json::object(), {4, 8, 8}); }), Catch::Contains("1 or 3 channels"));
}
