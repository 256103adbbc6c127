#include "labels.hpp"
using namespace saddle;

// The data-to-data cross-entropy of ReACGAN (Kang et al. 2021, arXiv:2111.01118, eq. 8).
struct D2DCE {
  static Description describe() {
    return {
        .name = "d2dce",
        .doc =
            "Data-to-data cross-entropy (ReACGAN, Kang et al. 2021, eq. 8) on the discriminator's "
            "features: of real samples for the discriminator, of fakes for the generator. Cosines to "
            "the own class beyond margin_positive, and to samples of other classes below "
            "margin_negative, count no more. Add it to an adversarial loss; the paper's is hinge.",
        .params =
            {param("size", 512).at_least(1).at_most(65536).doc("of the embedding"),
             param("temperature", 0.5).above(0).doc("by which cosines are divided; 0.5 on CIFAR10"),
             param("margin_positive", 0.98).at_least(-1).at_most(1).doc("0.98 on CIFAR10"),
             param("margin_negative", 0.02).at_least(-1).at_most(1).doc("1 - margin_positive in the paper"),
             param("spectral_norm", true).doc("of the embedding and of the classes")},
        .needs = {"discriminator.features", "label"}};
  }
  explicit D2DCE(const Builder& b)
      : sphere_(b, "d2dce"),
        temperature_(b.get<double>("temperature")),
        positive_(b.get<double>("margin_positive")),
        negative_(b.get<double>("margin_negative")) {}

  Terms discriminator(Step& s) const { return {{"real", loss(s, "real")}}; }
  Terms generator(Step& s) const { return {{"fake", loss(s, "fake")}}; }

 private:
  Tensor loss(const Step& s, const char* sample) const {
    const auto [x, y] = sphere_(s, sample);
    const Tensor same = same_label(s.input((std::string(sample) + ".label").c_str()));
    const Tensor to_class = clamp(sum(x * y, {1}, true) - positive_, {}, 0) / temperature_;   // [N, 1]
    const Tensor to_others = clamp(mm(x, transpose(x, 0, 1)) - negative_, 0) / temperature_;  // [N, N]
    const Tensor all = logsumexp(cat(std::vector{to_class, to_others - 1e9 * same}, 1), {1});
    return mean(all - reshape(to_class, {-1}));
  }

  Sphere sphere_;
  double temperature_, positive_, negative_;
};
SADDLE_LOSS(D2DCE)
