#include "files.hpp"
using namespace test;
using plain_host::Dataset;

TEST_CASE("gaussians are the points of the reference, bit for bit", "[gaussians]") {
  for (const json& one : reference().at("gaussians")) {
    const Dataset set(plugin("gaussians"), {{"layout", one["layout"]}, {"seed", one["seed"]}, {"count", 30}},
                      {});
    INFO(one["layout"]);
    const auto points = set.read<float>(one["split"].get<uint32_t>(), first(30));
    CHECK(points == one["points"].get<std::vector<float>>());
  }
}

TEST_CASE("gaussians say where their modes are, and the points are there", "[gaussians]") {
  const auto [layout, modes] = GENERATE(table<std::string, int>({{"ring", 8}, {"ring", 3}, {"grid", 25}}));
  CAPTURE(layout, modes);
  json params = {{"layout", layout}, {"count", 5000}, {"deviation", 0.1}};
  if (layout == "ring") params["modes"] = modes;
  const Dataset set(plugin("gaussians"), params, {});
  CHECK(set.info().classes == modes);
  CHECK(set.info().dtype == SADDLE_FLOAT32);
  CHECK(set.shape() == std::vector<int64_t>{2});
  CHECK(set.facts().at("deviation") == 0.1);
  const auto centers = set.facts().at("modes").get<std::vector<double>>();
  REQUIRE(centers.size() == static_cast<size_t>(2 * modes));

  for (uint32_t split = 0; split < 2; ++split) {
    std::vector<int64_t> labels;
    const auto points = set.read<float>(split, first(5000), &labels);
    std::vector<double> sums(centers.size()), squares(2);
    for (size_t i = 0; i < 5000; ++i)
      for (size_t k = 0; k < 2; ++k) {
        const size_t at = 2 * static_cast<size_t>(labels[i]) + k;
        const double off = points[2 * i + k] - centers[at];
        CHECK(std::abs(off) < 0.6);  // six deviations
        sums[at] += off * modes / 5000;
        squares[k] += off * off / 5000;
      }
    // A mean of 5000 / modes numbers of deviation 0.1, and a variance of 5000: five deviations of each.
    for (const double mean : sums) CHECK(std::abs(mean) < 5 * 0.1 * std::sqrt(modes / 5000.0));
    for (const double variance : squares) CHECK(variance == Approx(0.01).epsilon(5 * std::sqrt(2.0 / 5000)));
  }
}

TEST_CASE("two moons are half circles without modes", "[gaussians]") {
  const Dataset set(plugin("gaussians"), {{"layout", "two_moons"}, {"deviation", 0.0}, {"count", 200}}, {});
  CHECK(set.info().classes == 2);
  CHECK_FALSE(set.facts().contains("modes"));
  std::vector<int64_t> labels;
  const auto points = set.read<float>(0, first(200), &labels);
  for (size_t i = 0; i < 200; ++i) {
    const double x = points[2 * i], y = points[2 * i + 1];
    if (labels[i] == 0) {
      CHECK(std::hypot(x, y) == Approx(1));
      CHECK(y >= 0);
    } else {
      CHECK(std::hypot(x - 1, y - 0.5) == Approx(1));
      CHECK(y <= 0.5);
    }
  }
}

TEST_CASE("splits, seeds and sizes of gaussians differ, the same is the same", "[gaussians]") {
  const auto version = [](json params) {
    params["count"] = 100;
    const Dataset set(plugin("gaussians"), params, {});
    return std::string(set.info().version);
  };
  CHECK(version({{"seed", 1}}) == version({{"seed", 1}}));
  CHECK(version({{"seed", 1}}) != version({{"seed", 2}}));
  CHECK(version({{"layout", "grid"}}) != version({{"layout", "ring"}}));
  const Dataset set(plugin("gaussians"), {{"count", 100}}, {});
  CHECK(set.read<float>(0, first(100)) != set.read<float>(1, first(100)));
  CHECK_THROWS(set.read<float>(0, {100}));
  CHECK_THROWS(set.read<float>(0, {-1}));
}

TEST_CASE("the number of modes is the ring's to choose", "[gaussians]") {
  CHECK_THAT(error("gaussians", {{"layout", "grid"}, {"modes", 9}}), Catch::Contains("modes is 9"));
}
