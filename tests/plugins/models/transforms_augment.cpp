// diffaugment and crop: what each picture may become, and that gradients follow it.
#include <plugins/harness.hpp>

#include <catch2/catch.hpp>

#include <set>

using namespace saddle;
using namespace saddle::test;

namespace {

at::Tensor apply(const std::string& name, const json& config, const at::Tensor& image) {
  const auto& c = component("transform", name);
  return worker::Transform(c, with_defaults(c, config), {{"sample_shape", image.sizes().slice(1)}})
      .apply(image);
}

// Where y lies in x with a border of `most`: {dy, dx}, or nothing.
std::vector<int64_t> place_of(const at::Tensor& y, const at::Tensor& padded, int64_t most) {
  for (int64_t dy = 0; dy <= 2 * most; ++dy)
    for (int64_t dx = 0; dx <= 2 * most; ++dx)
      if (at::equal(y, padded.slice(1, dy, dy + y.size(1)).slice(2, dx, dx + y.size(2)))) return {dy, dx};
  return {};
}

void check_gradient(const std::string& name, const json& config) {
  const at::Tensor x = at::randn({4, 2, 6, 6}, at::kDouble).requires_grad_();
  const at::Tensor weight = at::randn({4, 2, 6, 6}, at::kDouble);
  const auto loss = [&] {
    at::manual_seed(7);
    return (apply(name, config, x) * weight).sum();
  };
  const auto value = [&] { return loss().item<double>(); };
  CHECK(finite_difference_error(value, x, gradients(loss(), {x})[0]) < 1e-7);
}

}  // namespace

TEST_CASE("crop cuts every picture out of its padding at a place of its own") {
  at::manual_seed(1);
  const at::Tensor x = at::randn({400, 2, 6, 5});
  for (const std::string mode : {"zeros", "reflect"}) {
    const at::Tensor y = apply("crop", {{"padding", 1}, {"mode", mode}}, x);
    const at::Tensor padded =
        mode == "zeros" ? at::constant_pad_nd(x, {1, 1, 1, 1}) : at::reflection_pad2d(x, {1, 1, 1, 1});
    std::set<std::vector<int64_t>> places;
    for (int64_t i = 0; i < 400; ++i) places.insert(place_of(y[i], padded[i], 1));
    CHECK_FALSE(places.contains({}));
    CHECK(places.size() == 9);
  }
  check_gradient("crop", {{"padding", 2}, {"mode", "reflect"}});
  CHECK_THAT(error_of([] {
               apply("crop", {{"padding", 6}, {"mode", "reflect"}}, at::zeros({1, 1, 6, 6}));
             }),
             Catch::Contains("more than pictures of 6 x 6 have to reflect"));
}

TEST_CASE("diffaugment's translation moves by up to an eighth and lets zeros in") {
  at::manual_seed(2);
  const at::Tensor x = at::randn({600, 2, 16, 16});
  const at::Tensor y = apply("diffaugment", {{"color", false}, {"cutout", 0}}, x);
  const at::Tensor padded = at::constant_pad_nd(x, {2, 2, 2, 2});
  std::set<std::vector<int64_t>> places;
  for (int64_t i = 0; i < 600; ++i) places.insert(place_of(y[i], padded[i], 2));
  CHECK_FALSE(places.contains({}));
  CHECK(places.size() == 25);
}

TEST_CASE("diffaugment's cutout blanks a square of half the side, which may reach over the border") {
  at::manual_seed(3);
  const at::Tensor x = at::ones({600, 3, 8, 8});
  const at::Tensor y = apply("diffaugment", {{"color", false}, {"translation", 0}}, x);
  std::set<int64_t> sizes;
  for (int64_t i = 0; i < 600; ++i) {
    const at::Tensor hole = 1 - y[i][0];
    CHECK(at::equal(y[i][0], y[i][1]));
    CHECK(at::equal(hole, hole.amax(1, true) * hole.amax(0, true)));
    const auto rows = hole.amax(1).sum().item<int64_t>(), columns = hole.amax(0).sum().item<int64_t>();
    CHECK(rows >= 2);
    CHECK(rows <= 4);
    CHECK(columns >= 2);
    CHECK(columns <= 4);
    sizes.insert(rows * columns);
  }
  CHECK(sizes == std::set<int64_t>{4, 6, 8, 9, 12, 16});
}

TEST_CASE("diffaugment's colors are one brightness, saturation and contrast a picture, in their ranges") {
  at::manual_seed(4);
  const at::Tensor x = at::randn({500, 3, 4, 4}, at::kDouble);
  const at::Tensor y = apply("diffaugment", {{"translation", 0}, {"cutout", 0}}, x);
  const auto deviation = [](const at::Tensor& t) { return t - t.mean(1, true); };  // of the channels
  const at::Tensor colour = (deviation(y) / deviation(x)).flatten(1);              // saturation x contrast
  const at::Tensor grey_x = x.mean(1), grey_y = y.mean(1);
  const at::Tensor contrast =
      ((grey_y - grey_y.mean({1, 2}, true)) / (grey_x - grey_x.mean({1, 2}, true))).flatten(1);
  CHECK(distance(colour, colour.select(1, 0).unsqueeze(1).expand_as(colour)) < 1e-6);
  CHECK(distance(contrast, contrast.select(1, 0).unsqueeze(1).expand_as(contrast)) < 1e-6);
  const at::Tensor c = contrast.select(1, 0), s = colour.select(1, 0) / c;
  const at::Tensor b = (y - x).mean({1, 2, 3});
  for (const auto& [drawn, least, most] : {std::tuple{c, 0.5, 1.5}, {s, 0.0, 2.0}, {b, -0.5, 0.5}}) {
    CHECK(drawn.min().item<double>() >= least - 1e-9);
    CHECK(drawn.max().item<double>() <= most + 1e-9);
    CHECK(drawn.min().item<double>() < least + 0.05 * (most - least));
    CHECK(drawn.max().item<double>() > most - 0.05 * (most - least));
  }
}

TEST_CASE("gradients follow diffaugment") { check_gradient("diffaugment", {}); }
