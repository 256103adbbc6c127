#include <saddle/loss.hpp>

#include <cmath>
using namespace saddle;

// Path length regularisation (Karras et al. 2020, arXiv:1912.04958, section 3.2, eq. 4): a step in w shall
// change the picture by as much, wherever w is and whichever way the step goes.
class PathLength {
 public:
  static Description describe() {
    return {
        .name = "path_length",
        .doc =
            "Path length regularisation of StyleGAN2 (Karras et al. 2020, eq. 4): (|J_w' y| - a)^2 with y "
            "N(0, 1) in the space of pictures over the root of the number of places, a the running mean of "
            "the length, kept in the checkpoint. The generator must give `w` and paint from it.",
        .params =
            {param("strength", 2.0).at_least(0).doc("factor of the penalty (the released code: 2)"),
             param("every", 4)
                 .at_least(1)
                 .doc("lazy regularisation (appendix B: 8 in the paper, 4 in the released code): only in "
                      "rounds that this divides, then times this; the other rounds have no term. It is part "
                      "of the round's step, so Adam keeps its lr and betas: the paper takes a step more for "
                      "it and makes up for that by k / (k + 1)"),
             param("decay", 0.99).at_least(0).below(1).doc("of the running mean"),
             param("shrink", 2)
                 .at_least(1)
                 .doc("the penalty takes one sample in this many of the batch, which saves memory")},
        .needs = {"generator.w"}};
  }
  explicit PathLength(const Builder& b)
      : strength_(b.get<double>("strength")),
        decay_(b.get<double>("decay")),
        every_(b.get<int64_t>("every")),
        shrink_(b.get<int64_t>("shrink")),
        mean_(b.buffer("mean", {}, 0)) {}

  Terms generator(Step& s) const {
    if (s.round() % every_ != 0) return {};
    const Tensor all = s.output("generator", "latent", "w");
    const int64_t n = std::max<int64_t>(1, all.size(0) / shrink_);
    const Tensor w = narrow(all, 0, 0, n);
    const Tensor image = s.run("generator", {{"w", w}}, "image");
    // Of points every coordinate is a place.
    const auto places = static_cast<double>(image.dim() == 4 ? image.size(2) * image.size(3) : image.size(1));
    const Tensor gradient = grad(sum(image * randn_like(detach(image))) * (1 / std::sqrt(places)), w, true);
    // [n, layers, width]: the mean over layers, as the released code has it.
    const Tensor squares = sum(square(gradient), {-1});
    const Tensor length = sqrt((squares.dim() == 2 ? mean(squares, 1) : squares) + 1e-24);
    // a counts as a function of this batch, as in the released code.
    const Tensor average = s[mean_] * decay_ + mean(length) * (1 - decay_);
    {
      NoGrad guard;
      copy_(s[mean_], detach(average));
    }
    return {{"penalty", strength_ * static_cast<double>(every_) * mean(square(length - average))}};
  }

 private:
  double strength_, decay_;
  int64_t every_, shrink_;
  BufferId mean_;
};
SADDLE_LOSS(PathLength)
