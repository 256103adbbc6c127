#include "labels.hpp"
using namespace saddle;

// The conditional contrastive loss of ContraGAN (Kang and Park 2020, arXiv:2006.12681, eq. 8): a sample is
// drawn to its class and to the batch's samples of that class, and held away from the others.
struct TwoC {
  static Description describe() {
    return {.name = "two_c",
            .doc =
                "Conditional contrastive loss (ContraGAN, Kang and Park 2020, eq. 8) on the discriminator's "
                "features: of real samples for the discriminator, of fakes for the generator. Add it to an "
                "adversarial loss; the paper's is hinge, with weight 1.",
            .params = {param("size", 512).at_least(1).at_most(65536).doc("of the embedding"),
                       param("temperature", 1.0).above(0).doc("by which cosines are divided"),
                       param("spectral_norm", true).doc("of the embedding and of the classes")},
            .needs = {"discriminator.features", "label"}};
  }
  explicit TwoC(const Builder& b) : sphere_(b, "two_c"), temperature_(b.get<double>("temperature")) {}

  Terms discriminator(Step& s) const { return {{"real", loss(s, "real")}}; }
  Terms generator(Step& s) const { return {{"fake", loss(s, "fake")}}; }

 private:
  Tensor loss(const Step& s, const char* sample) const {
    const auto [x, y] = sphere_(s, sample);
    const Tensor same = same_label(s.input((std::string(sample) + ".label").c_str()));
    const int64_t n = x.size(0);
    const Tensor self = eye(n, DType::float32);
    const Tensor to_class = sum(x * y, {1}, true) / temperature_;                    // [N, 1]
    const Tensor to_others = mm(x, transpose(x, 0, 1)) / temperature_ - 1e9 * self;  // [N, N]
    const Tensor all = logsumexp(cat(std::vector{to_class, to_others}, 1), {1});
    const Tensor near = logsumexp(cat(std::vector{to_class, to_others - 1e9 * (1 - same)}, 1), {1});
    return mean(all - near);
  }

  Sphere sphere_;
  double temperature_;
};
SADDLE_LOSS(TwoC)
