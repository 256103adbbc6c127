#include <saddle/loss.hpp>
using namespace saddle;

// DRAGAN's penalty (Kodali et al. 2017, arXiv:1705.07215, section 2.3): E (||grad_x D(x)|| - 1)^2 at real
// samples that noise has moved: x = real + noise * std(real) * u, u ~ U(0, 1) for each element.
struct Dragan {
  static Description describe() {
    return {
        .name = "dragan",
        .doc =
            "Gradient penalty around the real samples (Kodali et al. 2017, section 2.3); lambda is the "
            "loss's "
            "weight, 10 in the paper. Add it to any adversarial loss. With batch norm in the discriminator a "
            "sample's gradient has no meaning.",
        .params = {param("noise", 0.5)
                       .at_least(0)
                       .doc("how far the samples are moved, in standard deviations of the batch"),
                   param("target", 1.0).at_least(0).doc("the gradient norm that costs nothing"),
                   param("eps", 1e-12)
                       .above(0)
                       .doc("added to the squared norm, so that a zero gradient can be "
                            "differentiated")}};
  }
  explicit Dragan(const Builder& b)
      : noise_(b.get<double>("noise")), target_(b.get<double>("target")), eps_(b.get<double>("eps")) {}

  Terms discriminator(Step& s) const {
    const Tensor real = detach(s.input("real.image"));
    const Tensor moved = requires_grad_(real + noise_ * saddle::std(real) * rand_like(real));
    const Tensor logit = s.run("discriminator", {{"image", moved}, {"label", s.find("real.label")}}, "logit");
    const Tensor gradient = flatten(grad(sum(logit), moved, true), 1);
    return {{"penalty", mean(square(sqrt(sum(square(gradient), 1) + eps_) - target_))}};
  }

 private:
  double noise_, target_, eps_;
};
SADDLE_LOSS(Dragan)
