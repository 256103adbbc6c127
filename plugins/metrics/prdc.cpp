#include "neighbours.hpp"
using namespace saddle;

// Precision and recall (Kynkaanniemi et al. 2019), density and coverage (Naeem et
// al. 2020). A ball is around a sample and reaches to its k-th nearest neighbour
// in its own set, itself not counted.
class Prdc {
 public:
  static Description describe() {
    return {
        .name = "prdc",
        .doc =
            "precision: share of fakes in any real sample's ball; recall: share of reals in any fake's ball "
            "(Kynkaanniemi et al. 2019); density: real balls that contain a fake, on average, over k; "
            "coverage: "
            "share of reals with a fake in their ball (Naeem et al. 2020). NaN if the fakes hold NaN or "
            "infinity.",
        .params =
            {param("k", 5).at_least(1).doc("neighbours: 5 in Naeem et al., 3 in Kynkaanniemi et al."),
             param("ties", "strict")
                 .one_of({"strict", "inclusive"})
                 .doc("whether a sample on the edge of a ball is outside (strict, as in the prdc package) or "
                      "inside (inclusive, as in StyleGAN3)")},
        .higher = {"precision", "recall", "density", "coverage"}};
  }
  explicit Prdc(const Builder& b)
      : k_(b.get<int64_t>("k")), inclusive_(b.get<std::string>("ties") == "inclusive") {}

  void reference(const Samples& real) {
    NoGrad guard;
    real_ = feature_matrix(real, k_ + 1, "prdc", "real");
    check_finite_reference(real_);
    real_radii_ = radii(real_, k_);
  }

  Numbers measure(const Samples& fake) const {
    NoGrad guard;
    const Tensor x = feature_matrix(fake, k_ + 1, "prdc", "fake");
    check_width(real_.size(1), x.size(1));
    if (!is_finite(x)) {
      const double nan = std::numeric_limits<double>::quiet_NaN();
      return {{"precision", nan}, {"recall", nan}, {"density", nan}, {"coverage", nan}};
    }
    const std::vector<double> fake_radii = radii(x, k_);
    std::vector<uint8_t> precise(fake_radii.size()), recalled(real_radii_.size()),
        covered(real_radii_.size());
    int64_t balls = 0;
    const Distances distances(real_, x);
    distances.for_near(false, rounded_up(real_radii_), rounded_up(fake_radii),
                       [&](int64_t r, int64_t f, double near, double error) {
                         const auto i = static_cast<size_t>(r), j = static_cast<size_t>(f);
                         const double real_radius = real_radii_[i], fake_radius = fake_radii[j];
                         const auto d = distances.decided(r, f, near, error, real_radius, fake_radius);
                         if (!d) return;
                         if (inside(*d, fake_radius)) recalled[i] = 1;
                         if (inside(*d, real_radius)) {
                           precise[j] = covered[i] = 1;
                           ++balls;
                         }
                       });
    return {{"precision", share(precise)},
            {"recall", share(recalled)},
            {"density", static_cast<double>(balls) / static_cast<double>(k_ * x.size(0))},
            {"coverage", share(covered)}};
  }

 private:
  bool inside(double d, double radius) const { return inclusive_ ? d <= radius : d < radius; }
  int64_t k_;
  bool inclusive_;
  Tensor real_;
  std::vector<double> real_radii_;
};
SADDLE_METRIC(Prdc)
