#include "neighbours.hpp"
using namespace saddle;

// Improved precision and recall (Kynkaanniemi et al. 2019, arXiv:1904.06991, eqs. 1 and 2).
class PrecisionRecall {
 public:
  static Description describe() {
    return {.name = "precision_recall",
            .doc =
                "Improved precision and recall (Kynkaanniemi et al. 2019) as StyleGAN3 and torch-fidelity "
                "compute them: the share of fakes in any real sample's ball, and of reals in any fake's; a "
                "ball reaches to the k-th nearest of its own set, its edge included. The paper's features "
                "are VGG16's second hidden layer of 50,000 samples each. prdc has density and coverage, k 5 "
                "and the edge excluded. NaN if the fakes hold NaN or infinity.",
            .params = {param("k", 3).at_least(1).doc("neighbours; 3 in the paper")},
            .higher = {"improved_precision", "improved_recall"}};
  }
  explicit PrecisionRecall(const Builder& b) : k_(b.get<int64_t>("k")) {}

  void reference(const Samples& real) {
    NoGrad guard;
    real_ = feature_matrix(real, k_ + 1, "precision_recall", "real");
    check_finite_reference(real_);
    real_radii_ = radii(real_, k_);
  }

  Numbers measure(const Samples& fake) const {
    NoGrad guard;
    const Tensor x = feature_matrix(fake, k_ + 1, "precision_recall", "fake");
    check_width(real_.size(1), x.size(1));
    if (!is_finite(x)) {
      const double nan = std::numeric_limits<double>::quiet_NaN();
      return {{"improved_precision", nan}, {"improved_recall", nan}};
    }
    const std::vector<double> fake_radii = radii(x, k_);
    std::vector<uint8_t> precise(fake_radii.size()), recalled(real_radii_.size());
    const Distances distances(real_, x);
    distances.for_near(false, rounded_up(real_radii_), rounded_up(fake_radii),
                       [&](int64_t r, int64_t f, double near, double error) {
                         const auto i = static_cast<size_t>(r), j = static_cast<size_t>(f);
                         if (precise[j] && recalled[i]) return;
                         const auto d = distances.decided(r, f, near, error, real_radii_[i], fake_radii[j]);
                         if (!d) return;
                         if (*d <= real_radii_[i]) precise[j] = 1;
                         if (*d <= fake_radii[j]) recalled[i] = 1;
                       });
    return {{"improved_precision", share(precise)}, {"improved_recall", share(recalled)}};
  }

 private:
  int64_t k_;
  Tensor real_;
  std::vector<double> real_radii_;
};
SADDLE_METRIC(PrecisionRecall)
