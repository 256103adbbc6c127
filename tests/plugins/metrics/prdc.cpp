#include "sets.hpp"
using namespace saddle::test;
using Catch::Contains;

namespace {
// The definitions, pair by pair.
std::map<std::string, double> literal(const at::Tensor& real, const at::Tensor& fake, int64_t k,
                                      bool inclusive) {
  const auto distances = [](const at::Tensor& a, const at::Tensor& b) {
    return (a.to(at::kDouble).unsqueeze(1) - b.to(at::kDouble).unsqueeze(0)).square().sum(2);
  };
  const auto radii = [&](const at::Tensor& x) {
    return std::get<0>(distances(x, x).fill_diagonal_(INFINITY).topk(k, 1, false)).select(1, k - 1);
  };
  const auto inside = [&](const at::Tensor& d, const at::Tensor& r) { return inclusive ? d <= r : d < r; };
  const at::Tensor d = distances(real, fake);
  const at::Tensor in_real = inside(d, radii(real).unsqueeze(1)),
                   in_fake = inside(d, radii(fake).unsqueeze(0));
  const auto mean = [](const at::Tensor& x) { return x.to(at::kDouble).mean().item<double>(); };
  return {{"precision", mean(in_real.any(0))},
          {"recall", mean(in_fake.any(1))},
          {"density", mean(in_real.sum(0)) / static_cast<double>(k)},
          {"coverage", mean(in_real.any(1))}};
}
void check_equal(const std::map<std::string, double>& found, const std::map<std::string, double>& expected) {
  for (const char* name : {"precision", "recall", "density", "coverage"}) {
    CAPTURE(name);
    CHECK(found.at(name) == Approx(expected.at(name)).margin(1e-12));
  }
}
json config(int64_t k, bool inclusive = false) {
  return {{"k", k}, {"ties", inclusive ? "inclusive" : "strict"}};
}
}  // namespace

TEST_CASE("prdc agrees with the reference", "[prdc]") {
  for (const json& one : metrics_reference().at("prdc")) {
    INFO(one["name"]);
    const TestMetric metric("prdc", {{"k", one["k"]}, {"ties", one["ties"]}});
    check_equal(metric(make_set(one["real"]), make_set(one["fake"])), one["expected"]);
  }
}

TEST_CASE("prdc agrees with the definitions over shapes", "[prdc]") {
  const int64_t n = GENERATE(6, 61, 513), d = GENERATE(1, 5, 33), k = GENERATE(1, 5);
  const bool inclusive = GENERATE(false, true);
  CAPTURE(n, d, k, inclusive);
  const at::Tensor real = normal(n, d, 1), fake = normal(n + 7, d, 2) * 0.8;
  check_equal(TestMetric("prdc", config(k, inclusive))(real, fake), literal(real, fake, k, inclusive));
}

TEST_CASE("prdc of more rows and columns than a tile has", "[prdc]") {
  const at::Tensor real = normal(600, 2, 1), fake = normal(4500, 2, 2);
  check_equal(TestMetric("prdc", config(5))(real, fake), literal(real, fake, 5, false));
  check_equal(TestMetric("prdc", config(5))(fake, real), literal(fake, real, 5, false));
}

// Whole numbers, so distances tie everywhere and have no rounding; far from zero, where products of matrices
// do.
TEST_CASE("prdc decides ties exactly", "[prdc]") {
  const double shift = GENERATE(0.0, 1e6);
  const bool inclusive = GENERATE(false, true);
  CAPTURE(shift, inclusive);
  const at::Tensor real = at::floor(normal(300, 3, 1) * 2) + shift,
                   fake = at::floor(normal(200, 3, 2) * 2) + shift;
  check_equal(TestMetric("prdc", config(5, inclusive))(real, fake), literal(real, fake, 5, inclusive));
  // Copies of real samples, as a generator that memorises makes them.
  check_equal(TestMetric("prdc", config(3, inclusive))(real, real.slice(0, 0, 150)),
              literal(real, real.slice(0, 0, 150), 3, inclusive));
}

// Products in float32 know nothing of what is inside such clusters, and overflow or vanish on such numbers.
TEST_CASE("prdc sees what float32 products do not", "[prdc]") {
  const int64_t k = 3;
  const auto clusters = [](int64_t n, uint64_t seed) {
    const at::Tensor centers = at::randint(0, 5, {n, 1}, at::kFloat) * 1000 - 2000;
    return centers + at::floor(normal(n, 9, seed) * 4) / 64;
  };
  const at::Tensor real = clusters(500, 1), fake = clusters(700, 2);
  check_equal(TestMetric("prdc", config(k))(real, fake), literal(real, fake, k, false));
  check_equal(TestMetric("prdc", config(k, true))(real, fake), literal(real, fake, k, true));
  // One tight cluster far from the reals, as a generator that has nearly collapsed makes them.
  const at::Tensor far = at::floor(normal(600, 9, 3) * 4) / 64 + 3000;
  check_equal(TestMetric("prdc", config(k, true))(real, far), literal(real, far, k, true));
  for (const double scale : {1e25, 1e-25, 1e-21}) {
    CAPTURE(scale);
    const at::Tensor a = normal(90, 5, 1) * scale, b = normal(80, 5, 2) * scale;
    check_equal(TestMetric("prdc", config(k))(a, b), literal(a, b, k, false));
  }
}

TEST_CASE("prdc of equal sets and of collapsed ones", "[prdc]") {
  const at::Tensor real = normal(200, 8, 1);
  const auto same = TestMetric("prdc", config(5))(real, real);
  CHECK(same.at("precision") == 1);
  CHECK(same.at("recall") == 1);
  CHECK(same.at("coverage") == 1);
  CHECK(same.at("density") == 1);  // a ball holds its center and the k - 1 nearest: k in all

  // One point again and again has balls of radius zero: `<` finds nothing inside, `<=` does (a thing to know
  // when a run has collapsed).
  const at::Tensor constant = at::full({20, 8}, 0.3);
  const auto strict = TestMetric("prdc", config(5))(constant, constant);
  const auto inclusive = TestMetric("prdc", config(5, true))(constant, constant);
  for (const char* name : {"precision", "recall", "density", "coverage"}) CHECK(strict.at(name) == 0);
  for (const char* name : {"precision", "recall", "coverage"}) CHECK(inclusive.at(name) == 1);
  CHECK(inclusive.at("density") == 4);  // 20 balls hold each fake, over k = 5
}

TEST_CASE("prdc of what cannot be measured", "[prdc]") {
  const TestMetric metric("prdc");
  at::Tensor broken = normal(20, 3, 1);
  broken[4][1] = NAN;
  for (const auto& [name, value] : metric(normal(20, 3, 2), broken)) CHECK(std::isnan(value));
  CHECK_THROWS_WITH(metric(broken, normal(20, 3, 2)), Contains("real set hold NaN"));
  CHECK_THROWS_WITH(metric(normal(5, 3, 2), normal(20, 3, 2)),
                    Contains("needs at least 6 samples; the real set has 5"));
  CHECK_THROWS_WITH(metric(normal(20, 3, 2), normal(5, 3, 2)),
                    Contains("needs at least 6 samples; the fake set has 5"));
  CHECK_THROWS_WITH(metric(normal(20, 3, 1), normal(20, 4, 1)), Contains("3 features, the fake ones 4"));
}

// The self-test that the prdc package publishes: two sets of 10,000 from N(0, I) in 1,000 dimensions. Half a
// minute, so only on request: metrics_test "[long]".
TEST_CASE("prdc of the package's own example", "[.][long]") {
  const auto numbers = TestMetric("prdc")(normal(10000, 1000, 1), normal(10000, 1000, 2));
  CHECK(numbers.at("precision") == Approx(0.4772).margin(0.02));
  CHECK(numbers.at("recall") == Approx(0.4705).margin(0.02));
  CHECK(numbers.at("density") == Approx(1.0555).margin(0.05));
  CHECK(numbers.at("coverage") == Approx(0.9735).margin(0.005));
}
