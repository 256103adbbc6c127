#include <saddle/loss.hpp>
using namespace saddle;

// Hinge GAN loss (Lim and Ye 2017, arXiv:1705.02894; eq. 2 in KDD GAN).
struct Hinge {
  static Description describe() {
    return {.name = "hinge",
            .doc = "Max-margin GAN loss (Lim and Ye 2017).",
            .params = {param("margin", 1.0)
                           .at_least(0)
                           .doc("distance from the boundary at which a sample stops counting")}};
  }
  explicit Hinge(const Builder& b) : margin_(b.get<double>("margin")) {}

  Terms discriminator(Step& s) const {
    return {{"hinge_real", mean(relu(margin_ - s.real("logit")))},
            {"hinge_fake", mean(relu(margin_ + s.fake("logit")))}};
  }
  Terms generator(Step& s) const { return {{"hinge", -mean(s.fake("logit"))}}; }

 private:
  double margin_;
};
SADDLE_LOSS(Hinge)
