#include "features.hpp"

#include <cmath>
using namespace saddle;

// Mode collapse where the modes are known (Srivastava et al. 2017, VEEGAN, "high quality samples").
class Modes {
 public:
  static Description describe() {
    return {
        .name = "modes",
        .doc =
            "modes_covered: modes of the data set that are the nearest of at least `minimum` good points; "
            "good_share: share of points within `radius` deviations of their nearest mode (Srivastava et "
            "al. 2017). Real points of a plane reach 0.989 at radius 3. For data sets that state their "
            "modes: gaussians with layout ring or grid; measure on features \"pixels\", the points "
            "themselves.",
        .params = {param("radius", 3.0).above(0).doc("how far from its mode a point is good, in deviations"),
                   param("minimum", 1).at_least(1).doc("good points that a mode needs to count as covered")},
        .higher = {"modes_covered", "good_share"}};
  }

  explicit Modes(const Builder& b) : minimum_(b.get<int64_t>("minimum")) {
    if (!b.has_fact("dataset.modes") || !b.has_fact("dataset.deviation"))
      throw Error(
          "the data set states no modes. The metric modes is for sets that do: dataset gaussians with layout "
          "ring "
          "or grid. Take it out of `metrics`, or choose such a set");
    modes_ = b.fact<std::vector<double>>("dataset.modes");
    reach_ = b.get<double>("radius") * b.fact<double>("dataset.deviation");
    const std::vector<int64_t> shape = b.sample_shape();
    width_ = shape.size() == 1 ? static_cast<size_t>(shape[0]) : 0;
    if (width_ == 0 || modes_.empty() || modes_.size() % width_ != 0)
      throw Error("the data set's modes are " + std::to_string(modes_.size()) +
                  " numbers, not a multiple of the size of a point");
  }

  void reference(const Samples& real) const { (void)points(real); }

  Numbers measure(const Samples& fake) const {
    const Tensor held = points(fake);
    const std::span<float> x = held.data<float>();
    const size_t count = x.size() / width_, mode_count = modes_.size() / width_;
    std::vector<int64_t> good(mode_count);
    int64_t all_good = 0;
    for (size_t i = 0; i < count; ++i) {
      size_t nearest = 0;
      double least = INFINITY;
      for (size_t m = 0; m < mode_count; ++m) {
        double d = 0;
        for (size_t k = 0; k < width_; ++k) {
          const double difference = x[i * width_ + k] - modes_[m * width_ + k];
          d += difference * difference;
        }
        if (d < least) {  // never for NaN: such a point is far from everything
          least = d;
          nearest = m;
        }
      }
      if (std::sqrt(least) <= reach_) {
        ++good[nearest];
        ++all_good;
      }
    }
    const auto covered = std::count_if(good.begin(), good.end(), [&](int64_t n) { return n >= minimum_; });
    return {{"modes_covered", static_cast<double>(covered)},
            {"good_share", static_cast<double>(all_good) / static_cast<double>(count)}};
  }

 private:
  Tensor points(const Samples& samples) const {
    Tensor x = feature_matrix(samples, 1, "modes", "measured");
    if (static_cast<size_t>(x.size(1)) != width_)
      throw Error("modes measures points of " + std::to_string(width_) + " coordinates, not features of " +
                  std::to_string(x.size(1)) + ": leave `features` at \"pixels\"");
    return x;
  }

  int64_t minimum_;
  double reach_;
  size_t width_ = 0;
  std::vector<double> modes_;  // one after the other
};
SADDLE_METRIC(Modes)
