#include <saddle/loss.hpp>
using namespace saddle;

// The Jacobian regularisation of KDD GAN (Lemkhenter et al. 2021, eq. 8): the discriminator's features,
// before they are normalised, shall move as far as the picture does, along a random direction.
class Jacobian {
 public:
  static Description describe() {
    return {
        .name = "jacobian",
        .doc =
            "E | |phi(x + delta u) - phi(x)| / delta - 1 | over real samples, and the same over fakes, u a "
            "random direction of length 1 in the space of pictures (KDD GAN, Lemkhenter et al. 2021, eq. "
            "8; JacD). The paper's lambda is the loss's weight, 1e-5. One pass more for each side, with "
            "the weights of the first. In float32 only: the difference drowns in bfloat16.",
        .params = {param("delta", 1e-3).above(0).doc("the step (paper: 1e-3)"),
                   param("mean", false)
                       .doc("over real and fake together, half of eq. 8, which divides the sum over both by "
                            "the reals alone"),
                   param("generator", false)
                       .doc("in the generator's loss, too, on fakes (eq. 9 has it, table 3 says on D)")},
        .needs = {"discriminator.features"}};
  }
  explicit Jacobian(const Builder& b)
      : delta_(b.get<double>("delta")),
        scale_(b.get<bool>("mean") ? 0.5 : 1),
        generator_(b.get<bool>("generator")) {
    if (b.has_fact("precision") && b.fact<std::string>("precision") != "float32")
      throw Error("jacobian needs train.precision float32: steps of " + std::to_string(delta_) +
                  " drown in the rounding of " + b.fact<std::string>("precision"));
  }

  Terms discriminator(Step& s) const {
    return {{"real", scale_ * excess(s, "real")}, {"fake", scale_ * excess(s, "fake")}};
  }
  Terms generator(Step& s) const {
    if (!generator_) return {};
    return {{"fake", scale_ * excess(s, "fake")}};
  }

 private:
  Tensor excess(Step& s, const std::string& sample) const {
    // As the first pass had it; older hosts have no augmented pictures to give.
    Tensor x = s.find((sample + ".augmented").c_str());
    if (!x) x = s.input((sample + ".image").c_str());
    const Tensor u = flatten(randn_like(x), 1);
    const Tensor step = reshape(u * rsqrt(sum(square(u), {1}, true)), x.sizes()) * delta_;
    const Tensor moved = s.run(
        "discriminator", {{"image", x + step}, {"label", s.find((sample + ".label").c_str())}}, "features");
    const Tensor by = flatten(moved - s.output("discriminator", sample.c_str(), "features"), 1);
    return mean(abs(sqrt(sum(square(by), 1) + 1e-24) / delta_ - 1));
  }
  double delta_, scale_;
  bool generator_;
};
SADDLE_LOSS(Jacobian)
