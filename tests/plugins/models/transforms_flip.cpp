#include <plugins/harness.hpp>

#include <catch2/catch.hpp>

using namespace saddle;
using namespace saddle::test;

namespace {
at::Tensor flip(double p, const at::Tensor& image) {
  const json facts = {{"sample_shape", image.sizes().slice(1)}};
  return worker::Transform(component("transform", "flip"), {{"p", p}}, facts).apply(image);
}
}  // namespace

TEST_CASE("flip mirrors left to right, each picture on its own") {
  at::manual_seed(1);
  const at::Tensor x = at::randn({64, 2, 3, 5}), mirrored = at::flip(x, {3});
  CHECK(at::equal(flip(0, x), x));
  CHECK(at::equal(flip(1, x), mirrored));
  const at::Tensor y = flip(0.5, x);
  int turned = 0;
  for (int64_t i = 0; i < 64; ++i) {
    turned += at::equal(y[i], mirrored[i]);
    CHECK((at::equal(y[i], x[i]) || at::equal(y[i], mirrored[i])));
  }
  // 64 fair coins: outside these once in 20,000 seeds.
  CHECK(turned > 15);
  CHECK(turned < 49);
}

TEST_CASE("flip lets gradients through to the pixel they came from") {
  const at::Tensor x = at::randn({6, 1, 2, 3}).requires_grad_(), weight = at::randn({6, 1, 2, 3});
  at::manual_seed(2);
  const at::Tensor y = flip(0.5, x);
  const at::Tensor g = gradients((y * weight).sum(), {x})[0];
  for (int64_t i = 0; i < 6; ++i) {
    const bool turned = !at::equal(y[i], x[i]);
    CHECK(at::equal(g[i], turned ? at::flip(weight[i], {2}) : weight[i]));
  }
}

TEST_CASE("flip is for pictures") {
  CHECK_THAT(error_of([] { flip(0.5, at::randn({3, 2})); }), Catch::Contains("the data set has points"));
}
