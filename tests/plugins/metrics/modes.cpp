#include "sets.hpp"
using namespace saddle::test;
using Catch::Contains;

namespace {
// Modes at (0, 0), (10, 0), (0, 10), deviation 0.5.
const json kFacts = {
    {"sample_shape", {2}}, {"dataset.modes", {0, 0, 10.0, 0, 0, 10}}, {"dataset.deviation", 0.5}};
at::Tensor points(std::vector<float> flat) {
  return at::tensor(flat).view({static_cast<int64_t>(flat.size()) / 2, 2});
}
}  // namespace

TEST_CASE("modes counts covered modes and good points", "[modes]") {
  const TestMetric metric("modes", {}, kFacts);
  // 1.5 is three deviations: on the edge is good.
  const at::Tensor fake = points({0, 0, 0, 1.5f, 0, -1.51f, 10.3f, 0.3f, 5, 5});
  const auto numbers = metric(fake, fake);
  CHECK(numbers.size() == 2);
  CHECK(numbers.at("modes_covered") == 2);
  CHECK(numbers.at("good_share") == Approx(3.0 / 5));
}

TEST_CASE("modes has a radius and a minimum", "[modes]") {
  const at::Tensor fake = points({0, 0, 0, 1.4f, 10, 0, 0, 11.9f});
  const auto wide = TestMetric("modes", {{"radius", 4}}, kFacts)(fake, fake);
  CHECK(wide.at("modes_covered") == 3);
  CHECK(wide.at("good_share") == 1);
  const auto often = TestMetric("modes", {{"minimum", 2}}, kFacts)(fake, fake);
  CHECK(often.at("modes_covered") == 1);
  CHECK(often.at("good_share") == 0.75);
  const auto tight = TestMetric("modes", {{"radius", 0.1}}, kFacts)(fake, fake);
  CHECK(tight.at("modes_covered") == 2);
  CHECK(tight.at("good_share") == 0.5);
}

TEST_CASE("points that are no numbers are not good", "[modes]") {
  const at::Tensor fake = points({NAN, 0, 0, INFINITY, NAN, NAN, 10, 0});
  const auto numbers = TestMetric("modes", {}, kFacts)(fake, fake);
  CHECK(numbers.at("modes_covered") == 1);
  CHECK(numbers.at("good_share") == 0.25);
}

TEST_CASE("real points of the bundled set cover its modes", "[modes]") {
  const std::string layout = GENERATE("ring", "grid");
  const auto& gaussians = component("dataset", "gaussians");
  const saddle::worker::Dataset data(gaussians, with_defaults(gaussians, {{"layout", layout}}),
                                     json::object());
  json facts = {{"sample_shape", {2}}};
  for (const auto& [name, value] : data.info().facts.items()) facts["dataset." + name] = value;
  std::vector<int64_t> indices(5000);
  for (size_t i = 0; i < indices.size(); ++i) indices[i] = static_cast<int64_t>(i);
  const at::Tensor real = data.read(0, indices).first;
  const auto numbers = TestMetric("modes", {}, facts)(real, real);
  CHECK(numbers.at("modes_covered") == (layout == "ring" ? 8 : 25));
  CHECK(numbers.at("good_share") ==
        Approx(1 - std::exp(-4.5)).margin(0.006));  // within 3 deviations, of a plane
}

TEST_CASE("modes needs a set that states its modes", "[modes]") {
  CHECK_THROWS_WITH(TestMetric("modes", {}, {{"sample_shape", {1, 8, 8}}}), Contains("states no modes"));
  CHECK_THROWS_WITH(TestMetric("modes", {}, {{"sample_shape", {2}}, {"dataset.deviation", 0.05}}),
                    Contains("gaussians with layout ring or grid"));
  const TestMetric metric("modes", {}, kFacts);
  CHECK_THROWS_WITH(metric(normal(5, 3, 1), normal(5, 3, 1)),
                    Contains("points of 2 coordinates, not features of 3"));
}
