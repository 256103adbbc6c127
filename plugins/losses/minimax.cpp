#include "cross_entropy.hpp"
using namespace saddle;

// The original game (Goodfellow et al. 2014, arXiv:1406.2661, eq. 1): the generator minimises
// E log(1 - D(G(z))) = -E softplus(logit).
struct Minimax {
  static Description describe() {
    return {.name = "minimax",
            .doc =
                "The original GAN game (Goodfellow et al. 2014, eq. 1). The generator's gradient vanishes "
                "when the discriminator wins; ns is the variant to train with.",
            .params = {smoothing_param()}};
  }
  explicit Minimax(const Builder& b) : smoothing_(b.get<double>("smoothing")) {}

  Terms discriminator(Step& s) const { return cross_entropy(s, smoothing_); }
  Terms generator(Step& s) const { return {{"fake", -mean(softplus(s.fake("logit")))}}; }

 private:
  double smoothing_;
};
SADDLE_LOSS(Minimax)
