#include <saddle/loss.hpp>
using namespace saddle;

// Conditioning augmentation (Zhang et al. 2017, arXiv:1612.03242, eq. 2): the Gaussian from which a generator
// draws its condition is kept near N(0, 1) by its Kullback-Leibler divergence.
struct Conditioning {
  static Description describe() {
    return {
        .name = "conditioning",
        .doc =
            "Kullback-Leibler divergence of the condition's Gaussian from N(0, 1), StackGAN's conditioning "
            "augmentation (Zhang et al. 2017, eq. 2); its factor there is 1, or 2 in the released code. The "
            "generator gives `condition`, mean and logarithm of the deviation.",
        .needs = {"generator.condition"}};
  }
  explicit Conditioning(const Builder&) {}

  Terms generator(Step& s) const {
    const Tensor condition = s.output("generator", "latent", "condition");
    const int64_t size = condition.size(1) / 2;
    const Tensor middle = narrow(condition, 1, 0, size), deviation = narrow(condition, 1, size, size);
    return {{"divergence", 0.5 * mean(square(middle) + exp(2 * deviation) - 1 - 2 * deviation)}};
  }
};
SADDLE_LOSS(Conditioning)
