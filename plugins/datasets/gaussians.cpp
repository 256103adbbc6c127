#include "files.hpp"

#include <cmath>
#include <numbers>
using namespace saddle;

namespace {

// splitmix64 (Steele, Lea and Flood 2014): a fixed sequence for a seed, on every machine.
class SplitMix {
 public:
  explicit SplitMix(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // In (0, 1): 53 bits and a half, so that the logarithm is finite.
  double uniform() { return (static_cast<double>(next() >> 11) + 0.5) * 0x1p-53; }

 private:
  uint64_t state_;
};

constexpr int kRingModes = 8;

struct Point {
  double x, y;
};

// Two independent normal numbers (Box and Muller 1958). Not std::normal_distribution: that differs between
// standard libraries.
Point normal(SplitMix& random) {
  const double r = std::sqrt(-2 * std::log(random.uniform()));
  const double angle = 2 * std::numbers::pi * random.uniform();
  return {r * std::cos(angle), r * std::sin(angle)};
}

}  // namespace

// Two-dimensional toy sets on which mode collapse can be seen and counted.
class Gaussians {
 public:
  static Description describe() {
    return {
        .name = "gaussians",
        .doc =
            "Points in the plane, labelled by mode, equally many of each. ring: modes on a circle of radius "
            "2, "
            "from (2, 0) counter-clockwise (Metz et al. 2017); grid: 25 modes at {-2, -1, 0, 1, 2} squared "
            "(Gulrajani et al. 2017); two_moons: two half circles of radius 1 as in scikit-learn, around (0, "
            "0) "
            "and, upside down, (1, 0.5). Splits train and test of the same size, the same on every machine.",
        .params = {param("layout", "ring").one_of({"ring", "grid", "two_moons"}).doc("where the modes are"),
                   param("modes", kRingModes)
                       .at_least(1)
                       .at_most(1000)
                       .doc("number of modes of the ring; others have their own"),
                   param("deviation", 0.05)
                       .at_least(0)
                       .doc("standard deviation of a point from its mode, in x and in y"),
                   param("count", 10000).at_least(1).at_most(10000000).doc("points of each split"),
                   param("seed", 0).at_least(0).doc("of the points; independent of the trial's seed")}};
  }

  explicit Gaussians(const Builder& b) : deviation_(b.get<double>("deviation")) {
    const auto layout = b.get<std::string>("layout");
    if (layout != "ring" && b.get<int>("modes") != kRingModes)
      throw Error("modes is " + std::to_string(b.get<int>("modes")) +
                  ", but only the layout ring has a number of modes to choose: leave it out for " + layout);
    if (layout == "ring") {
      const auto n = b.get<int>("modes");
      for (int k = 0; k < n; ++k) {
        const double angle = 2 * std::numbers::pi * k / n;
        modes_.push_back({2 * std::cos(angle), 2 * std::sin(angle)});
      }
    } else if (layout == "grid") {
      for (int x = -2; x <= 2; ++x)
        for (int y = -2; y <= 2; ++y) modes_.push_back({double(x), double(y)});
    }
    classes_ = modes_.empty() ? 2 : static_cast<int64_t>(modes_.size());
    const auto count = b.get<size_t>("count");
    files::Fingerprint f;
    for (uint64_t split = 0; split < 2; ++split) {
      // Far apart in the sequence: the state advances by an odd constant, so 2^32 points do not meet.
      SplitMix random(SplitMix(b.get<uint64_t>("seed") * 2 + split).next());
      auto& points = points_[split];
      for (size_t i = 0; i < count; ++i) {
        const Point p = draw(static_cast<size_t>(label(i)), random);
        points.push_back(static_cast<float>(p.x));
        points.push_back(static_cast<float>(p.y));
      }
      f.add({reinterpret_cast<const uint8_t*>(points.data()), points.size() * sizeof(float)});
    }
    version_ = f.text();
  }

  DatasetInfo info() const {
    const auto count = static_cast<int64_t>(points_[0].size() / 2);
    return {.shape = {2},
            .dtype = DType::float32,
            .classes = classes_,
            .splits = {{"train", count}, {"test", count}},
            .version = version_,
            .facts = facts(),
            .concurrent = true};
  }

  void fill(uint32_t split, std::span<const int64_t> indices, void* samples, int64_t* labels) const {
    const auto& points = points_[split];
    auto* to = static_cast<float*>(samples);
    for (const int64_t i : indices) {
      const auto at = 2 * static_cast<size_t>(i);
      if (i < 0 || at >= points.size()) throw Error("there is no point " + std::to_string(i));
      *to++ = points[at];
      *to++ = points[at + 1];
      if (labels) *labels++ = label(static_cast<size_t>(i));
    }
  }

 private:
  int64_t label(size_t i) const { return static_cast<int64_t>(i % static_cast<size_t>(classes_)); }

  Point draw(size_t label, SplitMix& random) const {
    Point p;
    if (modes_.empty()) {
      const double angle = std::numbers::pi * random.uniform();
      p = {std::cos(angle), std::sin(angle)};
      if (label == 1) p = {1 - p.x, 0.5 - p.y};
    } else {
      p = modes_[label];
    }
    const Point n = normal(random);
    return {p.x + deviation_ * n.x, p.y + deviation_ * n.y};
  }

  // The metric `modes` reads these.
  std::string facts() const {
    std::string out = "{\"deviation\": " + detail::text(deviation_);
    if (!modes_.empty()) {
      std::vector<double> flat;
      for (const Point& p : modes_) flat.insert(flat.end(), {p.x, p.y});
      out += ", \"modes\": " + detail::text(flat);
    }
    return out + "}";
  }

  double deviation_;
  std::vector<Point> modes_;  // empty for two_moons
  int64_t classes_;
  std::vector<float> points_[2];
  std::string version_;
};
SADDLE_DATASET(Gaussians)
