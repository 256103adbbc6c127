#include <saddle/loss.hpp>
using namespace saddle;

// Squared hinge: a logit that is not `margin` on its right side costs the square of what is missing.
struct TemplateType {
  static Description describe() {
    return {.name = "template_name",
            .version = "1",  // raise it when results change: it is part of a trial's identity
            .doc = "Squared hinge GAN loss.",
            .params = {param("margin", 1.0)
                           .at_least(0)
                           .doc("distance from the boundary at which a sample stops counting")},
            .needs = {"discriminator.logit"}};
  }
  // Declares and remembers; it computes nothing.
  explicit TemplateType(const Builder& b) : margin_(b.get<double>("margin")) {}

  // What each player minimises: named scalars. The host weights, adds, differentiates and records them.
  Terms discriminator(Step& s) const {
    return {{"real", mean(square(relu(margin_ - s.real("logit"))))},
            {"fake", mean(square(relu(margin_ + s.fake("logit"))))}};
  }
  Terms generator(Step& s) const { return {{"fake", mean(square(relu(margin_ - s.fake("logit"))))}}; }

 private:
  double margin_;
};
SADDLE_LOSS(TemplateType)
