#include <saddle/loss.hpp>
using namespace saddle;

// LeCam regularisation (Tseng et al. 2021, arXiv:2104.03310, eq. 5 with the one-sided form of the released
// code): E relu(D(real) - ema_fake)^2 + E relu(ema_real - D(fake))^2, ema: moving means of the mean logits.
struct LeCam {
  static Description describe() {
    return {
        .name = "lecam",
        .doc =
            "Holds the discriminator's logits near moving averages of the other side's (Tseng et al. 2021, "
            "eq. 5); lambda is the loss's weight, 0.3 in the released code. Add it to any adversarial loss.",
        .params = {param("decay", 0.99).at_least(0).below(1).doc("of the moving averages"),
                   param("start", 1000)
                       .at_least(0)
                       .doc("round from which the term counts, 1 at the least; before it the averages are "
                            "the last values")},
        .surrogate_gradient = true};  // the averages count as constants
  }
  explicit LeCam(const Builder& b)
      : decay_(b.get<double>("decay")),
        start_(b.get<int64_t>("start")),
        real_mean_(b.buffer("real_mean", {}, 0)),
        fake_mean_(b.buffer("fake_mean", {}, 0)) {}

  Terms discriminator(Step& s) const {
    const Tensor real = s.real("logit"), fake = s.fake("logit");
    // What the averages were before this batch; copies, since the buffers move on and the graph keeps what it
    // saw.
    const Tensor real_mean = clone(s[real_mean_]), fake_mean = clone(s[fake_mean_]);
    const double weight = s.round() < start_ || s.round() == 0 ? 1 : 1 - decay_;
    lerp_(s[real_mean_], detach(mean(real)), weight);
    lerp_(s[fake_mean_], detach(mean(fake)), weight);
    if (s.round() < start_ || s.round() == 0) return {};
    return {{"penalty", mean(square(relu(real - fake_mean))) + mean(square(relu(real_mean - fake)))}};
  }

 private:
  double decay_;
  int64_t start_;
  BufferId real_mean_, fake_mean_;
};
SADDLE_LOSS(LeCam)
