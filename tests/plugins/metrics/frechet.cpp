#include "sets.hpp"
using namespace saddle::test;
using Catch::Contains;

namespace {
double frechet(const at::Tensor& real, const at::Tensor& fake) {
  return TestMetric("frechet")(real, fake).at("frechet");
}
// Points on the axes around a center: the mean is the center and the covariance exactly diagonal, with
// variances 2 w^2 / (2 d - 1).
at::Tensor cross(const std::vector<double>& center, const std::vector<double>& widths) {
  const auto d = static_cast<int64_t>(widths.size());
  at::Tensor x = at::tensor(center, at::kDouble).repeat({2 * d, 1});
  for (int64_t k = 0; k < d; ++k) {
    x[2 * k][k] += widths[static_cast<size_t>(k)];
    x[2 * k + 1][k] -= widths[static_cast<size_t>(k)];
  }
  return x.to(at::kFloat);
}
}  // namespace

TEST_CASE("frechet agrees with SciPy's square root of the product", "[frechet]") {
  for (const json& one : metrics_reference().at("frechet")) {
    INFO(one["name"]);
    CHECK(frechet(make_set(one["real"]), make_set(one["fake"])) ==
          Approx(one["expected"].get<double>()).epsilon(1e-9));
  }
}

TEST_CASE("frechet of diagonal Gaussians is a sum over axes", "[frechet]") {
  const std::vector<double> m1 = {1, -2, 0.5}, w1 = {1, 2, 4}, m2 = {1, 2, -0.5}, w2 = {3, 0.5, 4};
  double expected = 0;
  for (size_t k = 0; k < 3; ++k) {
    const double deviation = (w1[k] - w2[k]) * std::sqrt(2.0 / 5);
    expected += (m1[k] - m2[k]) * (m1[k] - m2[k]) + deviation * deviation;
  }
  CHECK(frechet(cross(m1, w1), cross(m2, w2)) == Approx(expected).epsilon(1e-12));
  CHECK(frechet(cross(m2, w2), cross(m1, w1)) == Approx(expected).epsilon(1e-12));
}

TEST_CASE("frechet is zero for equal sets and never below", "[frechet]") {
  const auto [n, d] = GENERATE(table<int, int>({{500, 3}, {500, 64}, {20, 64}, {65, 64}, {64, 64}, {2, 5}}));
  CAPTURE(n, d);
  const at::Tensor x = normal(n, d, 1) * 7 + 100;
  const double same = frechet(x, x);
  CHECK(same >= 0);
  CHECK(same < 1e-5);  // of a trace of 49 d
  const double shuffled = frechet(x, x.flip(0));
  CHECK(shuffled >= 0);
  CHECK(shuffled < 1e-5);
  CHECK(frechet(x, x + 1) == Approx(d).epsilon(1e-5));
}

TEST_CASE("frechet of singular covariances", "[frechet]") {
  // Features that repeat, and features that never change, as the borders of digits.
  const at::Tensor a = normal(300, 4, 1), b = normal(250, 4, 2) * 2 + 1;
  const double expected = frechet(a, b);
  const auto repeated = [](const at::Tensor& x) { return at::cat({x, x}, 1); };
  CHECK(frechet(repeated(a), repeated(b)) == Approx(2 * expected).epsilon(1e-7));
  const auto bordered = [](const at::Tensor& x) { return at::cat({at::full({x.size(0), 3}, 0.7), x}, 1); };
  CHECK(frechet(bordered(a), bordered(b)) == Approx(expected).epsilon(1e-9));

  // Fewer samples than features go another way: the same numbers, in a rotated and padded space.
  const at::Tensor few_a = a.slice(0, 0, 40), few_b = b.slice(0, 0, 30);
  const auto padded = [](const at::Tensor& x) { return at::cat({x, at::zeros({x.size(0), 60})}, 1); };
  CHECK(frechet(padded(few_a), padded(few_b)) == Approx(frechet(few_a, few_b)).epsilon(1e-9));

  // A collapsed generator: only the mean and the real variance are left.
  const at::Tensor constant = at::full({50, 4}, 2.0);
  const at::Tensor real = a.to(at::kDouble);
  const double collapsed =
      (real.mean(0) - 2).square().sum().item<double>() + real.var(0).sum().item<double>();
  CHECK(frechet(a, constant) == Approx(collapsed).epsilon(1e-9));
  CHECK(frechet(constant, a) == Approx(collapsed).epsilon(1e-9));
  CHECK(frechet(constant, constant) == 0);
}

TEST_CASE("frechet of many rows goes block by block", "[frechet]") {
  const auto literal = [](const at::Tensor& a, const at::Tensor& b) {
    const auto moments = [](const at::Tensor& x) {
      const at::Tensor centered = x.to(at::kDouble) - x.to(at::kDouble).mean(0);
      return centered.t().mm(centered) / (x.size(0) - 1);
    };
    const at::Tensor s1 = moments(a), s2 = moments(b);
    const double root = at::real(at::sqrt(at::linalg_eigvals(s1.mm(s2)))).sum().item<double>();
    const at::Tensor shift = a.to(at::kDouble).mean(0) - b.to(at::kDouble).mean(0);
    return shift.square().sum().item<double>() + (s1.trace() + s2.trace()).item<double>() - 2 * root;
  };
  const at::Tensor a = normal(9000, 3, 1), b = normal(8193, 3, 2) + 1;
  CHECK(frechet(a, b) == Approx(literal(a, b)).epsilon(1e-9));
  // Sets are often sorted: the first rows say little about the others.
  const at::Tensor drift = at::arange(9000, at::kFloat).unsqueeze(1);
  CHECK(frechet(a + drift, a * 1.5) == Approx(literal(a + drift, a * 1.5)).epsilon(1e-9));
  // Wider than the parts in which products are added up.
  const at::Tensor mix = normal(300, 300, 3) / 17, wide_a = normal(2100, 300, 4).mm(mix),
                   wide_b = normal(1500, 300, 5).mm(mix.t()) + 0.3;
  CHECK(frechet(wide_a, wide_b) == Approx(literal(wide_a, wide_b)).epsilon(1e-9));
  CHECK(frechet(wide_b, wide_a) == Approx(literal(wide_a, wide_b)).epsilon(1e-9));
}

// With S2 = c^2 S1 the distance is (c - 1)^2 (|m|^2 + tr S1), however singular S1 is.
TEST_CASE("frechet of badly conditioned features", "[frechet]") {
  const int decades = GENERATE(2, 5, 8, 12);
  CAPTURE(decades);
  const int64_t d = 280;
  const at::Tensor widths = at::pow(10.0, at::linspace(0, -decades, d, at::kDouble));
  const at::Tensor turn = std::get<0>(at::linalg_qr(normal(d, d, 1).to(at::kDouble)));
  const at::Tensor mixed = (normal(900, d, 2).to(at::kDouble) * widths).mm(turn).to(at::kFloat);
  const at::Tensor scaled = (normal(900, d, 3).to(at::kDouble) * widths).to(at::kFloat);
  for (const at::Tensor& x : {mixed, scaled}) {
    const at::Tensor exact = x.to(at::kDouble);
    const double size = exact.mean(0).square().sum().item<double>() + exact.var(0).sum().item<double>();
    CHECK(frechet(x, x * 2) == Approx(size).epsilon(1e-6));
    CHECK(frechet(x * 2, x) == Approx(size).epsilon(1e-6));
    CHECK(frechet(x, x * 1.5) == Approx(size / 4).epsilon(1e-6));
  }
}

TEST_CASE("frechet of what cannot be measured", "[frechet]") {
  const TestMetric metric("frechet");
  at::Tensor broken = normal(20, 3, 1);
  broken[4][1] = NAN;
  CHECK(std::isnan(metric(normal(20, 3, 2), broken).at("frechet")));  // a failed run is a number that is none
  broken[4][1] = INFINITY;
  CHECK(std::isnan(metric(normal(20, 3, 2), broken).at("frechet")));
  CHECK_THROWS_WITH(metric(broken, normal(20, 3, 2)), Contains("real set hold NaN"));
  CHECK_THROWS_WITH(metric(normal(20, 3, 1), normal(20, 4, 1)),
                    Contains("the real samples have 3 features, the fake ones 4"));
  CHECK_THROWS_WITH(metric(normal(20, 3, 1), normal(1, 3, 1)), Contains("needs at least 2 samples"));
  CHECK_THROWS_WITH(metric(normal(20, 12, 1).view({20, 3, 4}), normal(20, 3, 1)), Contains("[count, n]"));
}
