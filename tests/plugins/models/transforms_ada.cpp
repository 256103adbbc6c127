// ada: each of its operations, how p moves, and that gradients follow.
#include <plugins/harness.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <set>

using namespace saddle;
using namespace saddle::test;

namespace {

const json kNothing = {{"flip", false},    {"rotate90", false}, {"move", 0},       {"scale", 0},
                       {"rotate", 0},      {"hue", 0},          {"brightness", 0}, {"contrast", 0},
                       {"p", 1},           {"images", 0},       {"saturation", 0}, {"luma_flip", false},
                       {"anisotropic", 0}, {"fraction", 0}};

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

namespace {

// A place of the picture, mirrored about its borders, between four pixels.
double sampled(const at::TensorAccessor<double, 2>& picture, double y, double x) {
  const auto inside = [](double at, int64_t side) {
    const auto n = static_cast<double>(side);
    double from = std::fmod(std::abs(at + 0.5), 2 * n);
    if (from > n) from = 2 * n - from;
    return std::clamp(from - 0.5, 0.0, n - 1);
  };
  y = inside(y, picture.size(0));
  x = inside(x, picture.size(1));
  const auto top = static_cast<int64_t>(y), left = static_cast<int64_t>(x);
  double value = 0;
  for (int64_t i = top; i <= std::min(top + 1, picture.size(0) - 1); ++i)
    for (int64_t j = left; j <= std::min(left + 1, picture.size(1) - 1); ++j)
      value += picture[i][j] * (1 - std::abs(y - static_cast<double>(i))) *
               (1 - std::abs(x - static_cast<double>(j)));
  return value;
}
at::Tensor matrix(double a, double b, double x, double c, double d, double y) {
  return at::tensor({a, b, x, c, d, y, 0.0, 0.0, 1.0}, at::kDouble).view({3, 3});
}
at::Tensor rotation(double angle) {
  return matrix(std::cos(angle), -std::sin(angle), 0, std::sin(angle), std::cos(angle), 0);
}

}  // namespace

// Each operation a matrix, in the paper's order, the product inverted, and pixel after pixel looked up.
TEST_CASE("ada's moves together are those of the paper, one after the other") {
  constexpr int64_t n = 6, side = 12;
  const double pi = std::acos(-1.0);
  const at::Tensor x = at::randn({n, 1, side, side}, at::kDouble);
  json config = kNothing;
  config.update({{"flip", true},
                 {"rotate90", true},
                 {"move", 0.125},
                 {"scale", 0.2},
                 {"rotate", 1.0},
                 {"anisotropic", 0.4},
                 {"fraction", 0.125}});
  at::manual_seed(11);
  const at::Tensor y = Ada(config, {1, side, side})(x);
  // The same draws: a value, then whether it counts, which at p 1 it always does.
  at::manual_seed(11);
  const auto uniform = [] { return at::rand({n, 1}, at::kDouble); };
  const auto normal = [] { return at::randn({n, 1}, at::kDouble); };
  const auto decide = [] { at::rand({n, 1}); };
  const auto then = [&](const at::Tensor& drawn) {
    decide();
    return drawn;
  };
  const at::Tensor flip = then(uniform()), turns = then(uniform());
  decide();
  const at::Tensor right = uniform(), down = uniform();
  const at::Tensor scale = then(normal()), before = then(uniform()), stretch = then(normal()),
                   after = then(uniform());
  decide();
  const at::Tensor any_right = normal(), any_down = normal();
  const double half = (side - 1) / 2.0;
  for (int64_t i = 0; i < n; ++i) {
    const auto of = [&](const at::Tensor& draw) { return draw[i][0].item<double>(); };
    const double k = std::exp2(0.2 * of(scale)), s = std::exp2(0.4 * of(stretch));
    const std::vector<at::Tensor> steps = {
        matrix(of(flip) < 0.5 ? 1 : -1, 0, 0, 0, 1, 0),
        rotation(std::floor(of(turns) * 4) * pi / 2),
        matrix(1, 0, std::nearbyint((of(right) * 2 - 1) * 0.125 * side), 0, 1,
               std::nearbyint((of(down) * 2 - 1) * 0.125 * side)),
        matrix(k, 0, 0, 0, k, 0),
        rotation((of(before) * 2 - 1) * pi),
        matrix(s, 0, 0, 0, 1 / s, 0),
        rotation((of(after) * 2 - 1) * pi),
        matrix(1, 0, of(any_right) * 0.125 * side, 0, 1, of(any_down) * 0.125 * side)};
    at::Tensor all = at::eye(3, at::kDouble);
    for (const at::Tensor& step : steps) all = step.mm(all);
    const at::Tensor back = at::linalg_inv(all);
    at::Tensor expected = at::empty({side, side}, at::kDouble);
    const auto picture = x[i][0];
    for (int64_t row = 0; row < side; ++row)
      for (int64_t column = 0; column < side; ++column) {
        const at::Tensor from = back.mv(at::tensor(
            {static_cast<double>(column) - half, static_cast<double>(row) - half, 1.0}, at::kDouble));
        expected[row][column] = sampled(picture.accessor<double, 2>(), from[1].item<double>() + half,
                                        from[0].item<double>() + half);
      }
    CHECK(distance(y[i][0], expected) < 1e-9);
  }
}

TEST_CASE("ada stretches one axis and shrinks the other") {
  at::manual_seed(12);
  const at::Tensor line = at::arange(32, at::kDouble) - 15.5, square = line.square();
  const at::Tensor disc = (60 - (square.unsqueeze(0) + square.unsqueeze(1))).clamp(0, 1);
  const at::Tensor x = disc.expand({300, 1, 32, 32}).contiguous(),
                   y = only("anisotropic", 0.2, {1, 32, 32})(x);
  CHECK((y.sum({1, 2, 3}) / disc.sum()).log2().abs().max().item<double>() < 0.1);
  const at::Tensor across = (y * square.view({1, 1, 1, 32})).sum({1, 2, 3}),
                   along = (y * square.view({1, 1, 32, 1})).sum({1, 2, 3});
  const at::Tensor octaves = (across / along).log2() / 4;
  CHECK(octaves.mean().item<double>() == Approx(0).margin(0.05));
  CHECK(octaves.std().item<double>() == Approx(0.2).epsilon(0.15));
}

// The bank is made by the paper's recipe with LibTorch's convolutions, and applied as one to padded pictures.
TEST_CASE("ada's bands of frequencies are the paper's") {
  constexpr int64_t n = 5, side = 48;
  const at::Tensor low = at::tensor(
      {-0.12940952255092145, 0.22414386804185735, 0.836516303737469, 0.48296291314469025}, at::kDouble);
  const at::Tensor high = low * at::tensor({1.0, -1.0, 1.0, -1.0}, at::kDouble);
  const auto convolved = [](const at::Tensor& rows, const at::Tensor& by) {
    return at::conv1d(rows.unsqueeze(1), by.flip(0).view({1, 1, -1}), {}, 1, by.numel() - 1).squeeze(1);
  };
  const at::Tensor low2 = convolved(low.view({1, -1}), low.flip(0)).squeeze(0) / 2,
                   high2 = convolved(high.view({1, -1}), high.flip(0)).squeeze(0) / 2;
  at::Tensor bank = at::eye(4, 1, at::kDouble);
  for (int64_t band = 1; band < 4; ++band) {
    bank = at::stack({bank, at::zeros_like(bank)}, 2).view({4, -1}).slice(1, 0, 2 * bank.size(1) - 1);
    bank = convolved(bank, low2);
    const int64_t first = (bank.size(1) - high2.numel()) / 2;
    bank[band].slice(0, first, first + high2.numel()) += high2;
  }
  CHECK(bank.size(1) == 43);
  const at::Tensor x = at::randn({n, 3, side, side}, at::kDouble);
  at::manual_seed(13);
  const at::Tensor y = only("filter", 1.0, {3, side, side})(x);
  at::manual_seed(13);
  at::Tensor gains = at::ones({n, 4}, at::kDouble);
  const at::Tensor power = at::tensor({10.0, 1.0, 1.0, 1.0}, at::kDouble) / 13;
  for (int64_t band = 0; band < 4; ++band) {
    at::Tensor t = at::ones({n, 4}, at::kDouble);
    t.select(1, band).copy_(at::exp2(at::randn({n, 1}, at::kDouble)).squeeze(1));
    at::rand({n, 1});
    gains = gains * t / (power * t.square()).sum(1, true).sqrt();
  }
  const at::Tensor kernels = gains.mm(bank);
  for (int64_t i = 0; i < n; ++i) {
    const at::Tensor k = kernels[i], padded = at::reflection_pad2d(x[i].unsqueeze(1), {21, 21, 21, 21});
    const at::Tensor expected =
        at::conv2d(at::conv2d(padded, k.view({1, 1, 1, 43})), k.view({1, 1, 43, 1})).squeeze(1);
    CHECK(distance(y[i], expected) < 1e-9);
  }
  // Smaller than the filters: still mirrored, and a constant picture has the lowest band alone.
  const at::Tensor flat = at::ones({40, 1, 8, 8}, at::kDouble), z = only("filter", 1.0, {1, 8, 8})(flat);
  CHECK(distance(z, z.mean({1, 2, 3}, true).expand_as(z)) < 1e-9);
  CHECK(z.std().item<double>() > 0.01);
}

TEST_CASE("ada adds noise of a strength of its own to each picture, and cuts out a square") {
  const at::Tensor x = at::randn({300, 1, 20, 20}, at::kDouble);
  at::manual_seed(14);
  const at::Tensor noise = only("noise", 0.1, {1, 20, 20})(x) - x, strength = noise.flatten(1).std(1);
  CHECK(strength.square().mean().sqrt().item<double>() == Approx(0.1).epsilon(0.15));
  CHECK(strength.std().item<double>() == Approx(0.1 * std::sqrt(1 - 2 / std::acos(-1.0))).epsilon(0.2));
  at::manual_seed(15);
  const at::Tensor y = only("cutout", 0.5, {1, 20, 20})(x);
  at::manual_seed(15);
  const at::Tensor row = at::rand({300, 1}, at::kDouble), column = at::rand({300, 1}, at::kDouble);
  for (int64_t i = 0; i < 300; ++i) {
    at::Tensor expected = x[i][0].clone();
    for (int64_t r = 0; r < 20; ++r)
      for (int64_t c = 0; c < 20; ++c)
        if (std::abs((static_cast<double>(r) + 0.5) / 20 - row[i][0].item<double>()) < 0.25 &&
            std::abs((static_cast<double>(c) + 0.5) / 20 - column[i][0].item<double>()) < 0.25)
          expected[r][c] = 0;
    CHECK(at::equal(y[i][0], expected));
  }
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

TEST_CASE("ada resamples as LibTorch does, and can be differentiated twice") {
  const at::Tensor x = at::randn({32, 3, 6, 8}, at::kDouble).requires_grad_();
  const json moves = {{"p", 1},          {"rotate90", false}, {"scale", 1},      {"rotate", 1},
                      {"fraction", 1},   {"hue", 0},          {"brightness", 0}, {"contrast", 0},
                      {"saturation", 0}, {"luma_flip", false}};
  // Of pictures that hold their own coordinates the result says where each place was taken from: far outside
  // too, where a bilinear mean of neighbours lies between them.
  const at::Tensor rows = at::arange(6, at::kDouble).view({6, 1}).expand({6, 8}),
                   columns = at::arange(8, at::kDouble).view({1, 8}).expand({6, 8});
  const at::Tensor where = at::stack({columns, rows, rows * 0 + 1}).expand({32, 3, 6, 8}).contiguous();
  const auto apply = [&](const at::Tensor& image) {
    at::manual_seed(5);
    return Ada(moves, {3, 6, 8})(image);
  };
  const at::Tensor from = apply(where);
  const at::Tensor grid =
      at::stack({(2 * from.select(1, 0) + 1) / 8 - 1, (2 * from.select(1, 1) + 1) / 6 - 1}, 3);
  CHECK(distance(from.select(1, 2), at::ones({32, 6, 8}, at::kDouble)) < 1e-12);
  CHECK(distance(apply(x), at::grid_sampler_2d(x, grid, 0, 1, false)) < 1e-9);
  // R1's penalty: the gradient of the squared gradient of a curved function.
  const at::Tensor w = at::randn({6 * 8 * 3}, at::kDouble).requires_grad_();
  const auto penalty = [&] {
    const at::AutoGradMode recording(true);
    const at::Tensor out = (apply(x).flatten(1) * w).tanh().sum();
    return torch::autograd::grad({out}, {x}, {}, true, true)[0].square().sum();
  };
  CHECK(finite_difference_error([&] { return penalty().item<double>(); }, w, gradients(penalty(), {w})[0]) <
        1e-5);
}

TEST_CASE("gradients follow ada, and what it is not for is refused") {
  const at::Tensor x = at::randn({4, 3, 6, 6}, at::kDouble).requires_grad_();
  const at::Tensor weight = at::randn({4, 3, 6, 6}, at::kDouble);
  const auto loss = [&] {
    at::manual_seed(7);
    return (Ada({{"p", 0.8}, {"filter", 1.0}, {"noise", 0.1}, {"cutout", 0.5}}, {3, 6, 6})(x) * weight).sum();
  };
  CHECK(finite_difference_error([&] { return loss().item<double>(); }, x, gradients(loss(), {x})[0]) < 1e-7);
  CHECK_THAT(error_of([] { Ada(json::object(), {2}); }), Catch::Contains("the data set has points"));
  CHECK_THAT(error_of([] { Ada(json::object(), {3, 8, 4}); }), Catch::Contains("Set 'rotate90' to false"));
  CHECK_THAT(error_of([] { Ada(json::object(), {4, 8, 8}); }), Catch::Contains("1 or 3 channels"));
}
