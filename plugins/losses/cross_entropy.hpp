// What minimax and ns share: the discriminator of Goodfellow et al. 2014 (arXiv:1406.2661, eq. 1).
#pragma once
#include <saddle/loss.hpp>

#pragma GCC visibility push(hidden)
namespace saddle {

inline Param smoothing_param() {
  return param("smoothing", 0.0)
      .at_least(0)
      .below(1)
      .doc(
          "one-sided label smoothing: real samples get the target 1 - smoothing (Salimans et al. 2016, "
          "section 3.4: 0.1; their code for ImageNet: 0.25)");
}

// Cross-entropy of sigmoid(logit) with the target 1 - smoothing on real and 0 on fake samples. With
// t = 1 - smoothing: -t log s(r) - (1 - t) log s(-r) = softplus(-r) + smoothing * r.
inline Terms cross_entropy(Step& s, double smoothing) {
  const Tensor real = s.real("logit");
  return {{"real", mean(softplus(-real) + smoothing * real)}, {"fake", mean(softplus(s.fake("logit")))}};
}

}  // namespace saddle
#pragma GCC visibility pop
