#include "cross_entropy.hpp"
using namespace saddle;

// The non-saturating GAN loss (Goodfellow et al. 2014, arXiv:1406.2661, section 3): the generator
// maximises E log D(G(z)) = -E softplus(-logit).
struct NonSaturating {
  static Description describe() {
    return {.name = "ns",
            .doc =
                "The non-saturating GAN loss, also called vanilla or logistic (Goodfellow et al. 2014, "
                "section 3).",
            .params = {smoothing_param()}};
  }
  explicit NonSaturating(const Builder& b) : smoothing_(b.get<double>("smoothing")) {}

  Terms discriminator(Step& s) const { return cross_entropy(s, smoothing_); }
  Terms generator(Step& s) const { return {{"fake", mean(softplus(-s.fake("logit")))}}; }

 private:
  double smoothing_;
};
SADDLE_LOSS(NonSaturating)
