#include <saddle/loss.hpp>
using namespace saddle;

// Least squares GAN (Mao et al. 2017, arXiv:1611.04076, eq. 2, with its factor 1/2).
struct LeastSquares {
  static Description describe() {
    return {.name = "least_squares",
            .doc =
                "LSGAN (Mao et al. 2017, eq. 2): half the squared distance of the logit from a target. The "
                "defaults are their eq. 9; fake -1, real 1, target 0 is eq. 8 (Pearson's chi-squared).",
            .params = {param("real", 1.0).doc("the discriminator's target for real samples (b)"),
                       param("fake", 0.0).doc("the discriminator's target for fake samples (a)"),
                       param("target", 1.0).doc("the generator's target for its samples (c)")}};
  }
  explicit LeastSquares(const Builder& b)
      : real_(b.get<double>("real")), fake_(b.get<double>("fake")), target_(b.get<double>("target")) {}

  Terms discriminator(Step& s) const {
    return {{"real", 0.5 * mean(square(s.real("logit") - real_))},
            {"fake", 0.5 * mean(square(s.fake("logit") - fake_))}};
  }
  Terms generator(Step& s) const { return {{"fake", 0.5 * mean(square(s.fake("logit") - target_))}}; }

 private:
  double real_, fake_, target_;
};
SADDLE_LOSS(LeastSquares)
