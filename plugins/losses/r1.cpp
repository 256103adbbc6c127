#include <saddle/loss.hpp>
using namespace saddle;

// R1 regularisation (Mescheder et al. 2018, arXiv:1801.04406, eq. 9): gamma / 2 E ||grad_x D(x)||^2 on real
// samples. It differentiates the forward pass that the adversarial loss uses, so it costs no other.
struct R1 {
  static Description describe() {
    return {
        .name = "r1",
        .doc =
            "R1 gradient penalty on real samples (Mescheder et al. 2018, eq. 9): gamma / 2 times the mean "
            "squared norm of the discriminator's gradient. Add it to any adversarial loss.",
        .params =
            {param("gamma", 10.0).at_least(0).doc("strength; 10 in the paper"),
             param("every", 1)
                 .at_least(1)
                 .doc("lazy regularisation (Karras et al. 2020, appendix B: 16): only in rounds that this "
                      "divides, then times this; the other rounds have no term. It is part of the round's "
                      "step, so Adam keeps its lr and betas: the paper takes a step more for it and makes up "
                      "for that by k / (k + 1)")},
        .needs = {"discriminator.logit", "gradient:real.image"}};
  }
  explicit R1(const Builder& b) : gamma_(b.get<double>("gamma")), every_(b.get<int64_t>("every")) {}

  Terms discriminator(Step& s) const {
    if (s.round() % every_ != 0) return {};
    const Tensor gradient = flatten(grad(sum(s.real("logit")), s.input("real.image"), true), 1);
    return {{"penalty", 0.5 * gamma_ * static_cast<double>(every_) * mean(sum(square(gradient), 1))}};
  }

 private:
  double gamma_;
  int64_t every_;
};
SADDLE_LOSS(R1)
