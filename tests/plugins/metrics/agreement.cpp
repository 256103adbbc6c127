// The metrics against the public tools, on the same features (tests/reference/agreement_reference.py).
#include "sets.hpp"
using namespace saddle::test;

namespace {
const json& agreement() {
  static const json numbers =
      json::parse(std::ifstream(std::string(SADDLE_TEST_REFERENCE) + "/agreement_reference.json"));
  return numbers;
}
}  // namespace

TEST_CASE("frechet, kid and prdc agree with torch-fidelity, pytorch-fid and the prdc package",
          "[agreement]") {
  REQUIRE(agreement().at("pairs").size() == 3);
  for (const json& one : agreement().at("pairs")) {
    INFO(one["name"]);
    const at::Tensor real = make_set(one["real"]), fake = make_set(one["fake"]);
    const double frechet = TestMetric("frechet")(real, fake).at("frechet");
    CHECK(frechet == Approx(one["torch_fidelity_frechet"].get<double>()).epsilon(1e-6));
    CHECK(frechet == Approx(one["pytorch_fid_frechet"].get<double>()).epsilon(1e-6));
    CHECK(TestMetric("kid", {{"subsets", 1}})(real, fake).at("kid") ==
          Approx(one["torch_fidelity_kid"].get<double>()).epsilon(1e-6));
    const auto found = TestMetric("prdc")(real, fake);
    for (const auto& [name, value] : one["prdc"].items())
      CHECK(found.at(name) == Approx(value.get<double>()).epsilon(1e-6).margin(1e-12));
  }
}

TEST_CASE("inception_score refuses pictures in the place of logits", "[agreement]") {
  const json facts = {{"sample_shape", {1, 4, 4}}, {"classes", 2}};
  const at::Tensor pictures = normal(40, 16, 1).clamp(-1, 1);
  CHECK_THROWS_WITH(TestMetric("inception_score", json::object(), facts)(pictures, pictures),
                    Catch::Contains("the pictures themselves") && Catch::Contains("`features`"));
  // As many logits as there are pixels are no pictures.
  CHECK(TestMetric("inception_score", json::object(), facts)(3 * pictures, 3 * pictures)
            .contains("inception_score"));
}

TEST_CASE("inception_score agrees with torch-fidelity", "[agreement]") {
  REQUIRE(agreement().at("scores").size() == 2);
  for (const json& one : agreement().at("scores")) {
    INFO(one["name"]);
    const at::Tensor logits = make_set(one["logits"]);
    const auto found =
        TestMetric("inception_score", {{"splits", one["splits"]}, {"shuffle", false}})(logits, logits);
    CHECK(found.at("inception_score") == Approx(one["mean"].get<double>()).epsilon(1e-6));
    CHECK(found.at("inception_score_real") == Approx(one["mean"].get<double>()).epsilon(1e-6));
    CHECK(found.at("inception_score_std") == Approx(one["std"].get<double>()).epsilon(1e-6));
  }
}

// The self-test of the prdc package: two sets of 10,000 x 1,000 of one normal distribution.
TEST_CASE("prdc of 10,000 normal samples of 1,000 numbers gives the published values", "[.long]") {
  const auto found = TestMetric("prdc")(normal(10000, 1000, 1), normal(10000, 1000, 2));
  CHECK(found.at("precision") == Approx(0.4772).margin(0.012));
  CHECK(found.at("recall") == Approx(0.4705).margin(0.012));
  CHECK(found.at("density") == Approx(1.0555).margin(0.03));
  CHECK(found.at("coverage") == Approx(0.9735).margin(0.006));
}
