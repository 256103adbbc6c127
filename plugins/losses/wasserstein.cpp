#include <saddle/loss.hpp>
using namespace saddle;

// Wasserstein GAN (Arjovsky et al. 2017, arXiv:1701.07875, eq. 2).
struct Wasserstein {
  static Description describe() {
    return {
        .name = "wasserstein",
        .doc =
            "Wasserstein GAN (Arjovsky et al. 2017, eq. 2). The discriminator must be kept Lipschitz: add "
            "gradient_penalty with weight 10, spectral norm, or clip_weights 0.01 of its optimizer, as the "
            "paper "
            "has it."};
  }
  explicit Wasserstein(const Builder&) {}

  Terms discriminator(Step& s) const {
    return {{"real", -mean(s.real("logit"))}, {"fake", mean(s.fake("logit"))}};
  }
  Terms generator(Step& s) const { return {{"fake", -mean(s.fake("logit"))}}; }
};
SADDLE_LOSS(Wasserstein)
