#include <saddle/loss.hpp>
using namespace saddle;

// Gradient penalty of WGAN-GP (Gulrajani et al. 2017, arXiv:1704.00028, eq. 3):
// E (||grad_x D(x)|| - target)^2 at x = a real + (1 - a) fake, a ~ U(0, 1), one a for each pair of samples.
struct GradientPenalty {
  static Description describe() {
    return {
        .name = "gradient_penalty",
        .doc =
            "Gradient penalty of WGAN-GP (Gulrajani et al. 2017, eq. 3); lambda is the loss's weight, 10 in "
            "the paper. Add it to any adversarial loss. It takes the samples as they are before "
            "augmentation. With batch norm in the discriminator a sample's gradient has no meaning.",
        .params = {param("target", 1.0).at_least(0).doc("the gradient norm that costs nothing"),
                   param("eps", 1e-12)
                       .above(0)
                       .doc("added to the squared norm, so that a zero gradient can be differentiated "
                            "(compare_gan: 1e-4)"),
                   param("over", "sample")
                       .one_of({"sample", "places"})
                       .doc("whose norm: of a sample's gradient, or of its channels at each place, as SinGAN "
                            "has it for discriminators of patches")}};
  }
  explicit GradientPenalty(const Builder& b)
      : target_(b.get<double>("target")),
        eps_(b.get<double>("eps")),
        places_(b.get<std::string>("over") == "places") {}

  Terms discriminator(Step& s) const {
    const Tensor real = detach(s.input("real.image")), fake = detach(s.input("fake.image"));
    const int64_t batch = real.size(0);
    if (fake.size(0) != batch)
      throw Error("gradient_penalty pairs real with fake samples, but there are " + std::to_string(batch) +
                  " real and " + std::to_string(fake.size(0)) + " fake ones");
    std::vector<int64_t> each(static_cast<size_t>(real.dim()), 1);
    each[0] = batch;
    const Tensor between = requires_grad_(lerp(fake, real, rand(each, real.dtype())));
    const Tensor logit =
        s.run("discriminator", {{"image", between}, {"label", s.find("real.label")}}, "logit");
    const Tensor whole = grad(sum(logit), between, true);
    const Tensor gradient = places_ ? whole : flatten(whole, 1);
    const Tensor norm = sqrt(sum(square(gradient), 1) + eps_);
    return {{"penalty", mean(square(norm - target_))}};
  }

 private:
  double target_, eps_;
  bool places_;
};
SADDLE_LOSS(GradientPenalty)
