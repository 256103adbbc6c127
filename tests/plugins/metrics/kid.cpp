#include "sets.hpp"

using namespace saddle;
using namespace saddle::test;
using Catch::Contains;

namespace {
// The unbiased estimator of Binkowski et al. 2018 (eq. 4), term by term.
double literal(const at::Tensor& a, const at::Tensor& b) {
  const auto k = [](const at::Tensor& x, const at::Tensor& y) {
    const double dot = (x.to(at::kDouble) * y.to(at::kDouble)).sum().item<double>();
    return std::pow(dot / static_cast<double>(x.numel()) + 1, 3);
  };
  double within = 0, between = 0;
  const int64_t n = a.size(0);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j) {
      if (i != j) within += k(a[i], a[j]) + k(b[i], b[j]);
      between += k(a[i], b[j]);
    }
  const auto count = static_cast<double>(n);
  return within / (count * (count - 1)) - 2 * between / (count * count);
}
}  // namespace

TEST_CASE("kid of one whole subset is the unbiased estimator, term by term", "[kid]") {
  const at::Tensor real = make_set({{"seed", 1}, {"n", 30}, {"d", 5}});
  const at::Tensor fake = make_set({{"seed", 2}, {"n", 30}, {"d", 5}, {"shift", 0.3}});
  const auto numbers = TestMetric("kid", {{"subsets", 1}})(real, fake);
  CHECK(numbers.at("kid") == Approx(literal(real, fake)).epsilon(1e-9));
  CHECK(numbers.at("kid_std") == Approx(0).margin(1e-7));
}

TEST_CASE("kid over subsets is near that of the whole sets and unbiased for equal ones", "[kid]") {
  const at::Tensor real = normal(600, 8, 1), shifted = normal(600, 8, 2) + 0.5;
  const double whole = TestMetric("kid", {{"subsets", 1}})(real, shifted).at("kid");
  const auto subsets = TestMetric("kid", {{"subsets", 60}, {"subset_size", 100}})(real, shifted);
  CHECK(whole > 0.05);
  CHECK(subsets.at("kid") == Approx(whole).epsilon(0.15));
  CHECK(subsets.at("kid_std") > 0);
  // Two sets of one distribution: around zero, on both sides of it.
  int below = 0;
  for (uint64_t seed = 0; seed < 20; ++seed)
    below += TestMetric("kid", {{"subsets", 1}})(normal(100, 4, 100 + seed), normal(100, 4, 200 + seed))
                 .at("kid") < 0;
  CHECK(below >= 3);
  CHECK(below <= 17);
  // The same choice of subsets every time.
  const auto again = TestMetric("kid", {{"subsets", 60}, {"subset_size", 100}})(real, shifted);
  CHECK(again.at("kid") == subsets.at("kid"));
}

TEST_CASE("kid of a broken set is no number", "[kid]") {
  at::Tensor broken = normal(20, 3, 1);
  broken[3][0] = NAN;
  CHECK(std::isnan(TestMetric("kid")(normal(20, 3, 2), broken).at("kid")));
  CHECK_THROWS_WITH(TestMetric("kid")(normal(20, 3, 1), normal(20, 4, 1)),
                    Contains("3 features, the fake ones 4"));
}

TEST_CASE("inception_score of known distributions", "[inception_score]") {
  const auto score = [](const at::Tensor& fake, const json& config) {
    return TestMetric("inception_score", config)(fake, fake);
  };
  // Sure of one of 5 classes, all equally often: 5. Never sure: 1.
  const at::Tensor sure = at::one_hot(at::arange(100).remainder(5), 5).to(at::kFloat);
  const json one = {{"splits", 1}, {"probabilities", true}};
  CHECK(score(sure, one).at("inception_score") == Approx(5));
  CHECK(score(at::full({100, 5}, 0.2), one).at("inception_score") == Approx(1));
  // Sorted by class and not shuffled, every split of its own class scores 1.
  const at::Tensor sorted = at::one_hot(at::arange(100).div(20, "floor").to(at::kLong), 5).to(at::kFloat);
  CHECK(score(sorted, {{"splits", 5}, {"probabilities", true}, {"shuffle", false}}).at("inception_score") ==
        Approx(1));
  CHECK(score(sorted, {{"splits", 5}, {"probabilities", true}}).at("inception_score") > 3);
  CHECK(score(sorted, {{"splits", 5}, {"probabilities", true}}).at("inception_score_std") > 0);
}

TEST_CASE("inception_score agrees with the formula, term by term", "[inception_score]") {
  const at::Tensor logits = 3 * normal(60, 4, 7);
  double total = 0;
  for (int64_t split = 0; split < 3; ++split) {
    const at::Tensor p = logits.slice(0, 20 * split, 20 * split + 20).to(at::kDouble).softmax(1);
    double divergence = 0;
    for (int64_t i = 0; i < 20; ++i)
      for (int64_t y = 0; y < 4; ++y) {
        const double pyx = p[i][y].item<double>();
        divergence += pyx * std::log(pyx / p.select(1, y).mean().item<double>()) / 20;
      }
    total += std::exp(divergence) / 3;
  }
  const auto numbers = TestMetric("inception_score", {{"splits", 3}, {"shuffle", false}})(logits, logits);
  CHECK(numbers.at("inception_score") == Approx(total).epsilon(1e-10));
  CHECK(numbers.at("inception_score_real") == Approx(total).epsilon(1e-10));
  CHECK_THROWS_WITH(TestMetric("inception_score", {{"probabilities", true}})(logits, logits),
                    Contains("do not sum to 1"));
}
