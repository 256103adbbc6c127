#include "passes.hpp"

#include <saddle/trial.hpp>
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
            "the weights of the first, in float32; where train.precision is bfloat16, in which the "
            "difference drowns, two more. Not for a discriminator that draws noise or drops units: both "
            "passes draw their own, and delta is small beside it.",
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
        generator_(b.get<bool>("generator")),
        joint_(wants_joint_pass(b)) {
    mixed_ = b.has_fact("precision") && b.fact<std::string>("precision") != "float32";
    if (mixed_ && !trial::FullPrecision::available())
      throw Error("jacobian needs train.precision float32 with this older host: steps of " +
                  std::to_string(delta_) + " drown in the rounding of " + b.fact<std::string>("precision"));
    // The pass that is shared must be without TF32, too: once entered, it stays off.
    if (trial::FullPrecision::available()) const trial::FullPrecision once;
  }

  Terms discriminator(Step& s) const {
    const std::vector<Tensor> both = excess(s, {"real", "fake"}, joint_);
    return {{"real", scale_ * both[0]}, {"fake", scale_ * both[1]}};
  }
  Terms generator(Step& s) const {
    if (!generator_) return {};
    return {{"fake", scale_ * excess(s, {"fake"}, false)[0]}};
  }

 private:
  std::vector<Tensor> excess(Step& s, const std::vector<const char*>& samples, bool joint) const {
    std::vector<Pictures> moved, still;
    for (const std::string sample : samples) {
      // As the first pass had it; older hosts have no augmented pictures to give.
      Tensor x = s.find((sample + ".augmented").c_str());
      if (!x) x = s.input((sample + ".image").c_str());
      const Tensor u = flatten(randn_like(x), 1);
      const Tensor step = reshape(u * rsqrt(sum(square(u), {1}, true)), x.sizes()) * delta_;
      const Tensor label = s.find((sample + ".label").c_str());
      moved.push_back({x + step, label});
      still.push_back({x, label});
    }
    std::optional<trial::FullPrecision> here;
    if (mixed_) {
      here.emplace();
      moved.insert(moved.end(), still.begin(), still.end());
    }
    const std::vector<Tensor> all = features_of(s, moved, joint);
    std::vector<Tensor> excesses;
    for (size_t i = 0; i < still.size(); ++i) {
      const Tensor from = mixed_ ? all[still.size() + i] : s.output("discriminator", samples[i], "features");
      const Tensor by = flatten(all[i] - from, 1);
      excesses.push_back(mean(abs(sqrt(sum(square(by), 1) + 1e-24) / delta_ - 1)));
    }
    return excesses;
  }
  double delta_, scale_;
  bool generator_, joint_, mixed_ = false;
};
SADDLE_LOSS(Jacobian)
