#include <saddle/loss.hpp>
using namespace saddle;

// Hinge GAN loss (Lim and Ye 2017, arXiv:1705.02894; eq. 2 in KDD GAN).
struct Hinge {
  static Description describe() {
    return {
        .name = "hinge",
        .doc = "Max-margin GAN loss (Lim and Ye 2017).",
        .params = {param("margin", 1.0)
                       .at_least(0)
                       .doc("distance from the boundary at which a sample stops counting"),
                   param("random_margin", 0.0)
                       .at_least(0)
                       .doc("each logit's own margin lies up to this much below `margin`, drawn anew each "
                            "time (0.2 in FastGAN's published code)")}};
  }
  explicit Hinge(const Builder& b)
      : margin_(b.get<double>("margin")), random_(b.get<double>("random_margin")) {}

  Terms discriminator(Step& s) const {
    return {{"hinge_real", below_margin(s.real("logit"))}, {"hinge_fake", below_margin(-s.fake("logit"))}};
  }
  Terms generator(Step& s) const { return {{"hinge", -mean(s.fake("logit"))}}; }

 private:
  Tensor below_margin(const Tensor& side) const {
    if (random_ == 0) return mean(relu(margin_ - side));
    return mean(relu(margin_ - random_ * rand_like(side) - side));
  }

  double margin_, random_;
};
SADDLE_LOSS(Hinge)
