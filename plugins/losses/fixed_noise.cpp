#include <saddle/loss.hpp>

#include <cmath>
#include <numbers>
using namespace saddle;

// The reconstruction term of SinGAN (Shaham et al. 2019, arXiv:1905.01164, eq. 5): of one fixed z the
// generator is to make the picture.
class FixedNoise {
 public:
  static Description describe() {
    return {
        .name = "fixed_noise",
        .doc =
            "SinGAN's reconstruction (Shaham et al. 2019, eq. 5): mean squared difference between the real "
            "samples and what the generator makes of one z, the same in all trials and all scales; alpha is "
            "the loss's weight, 10 in the paper. A generator with the input real is given the picture with "
            "it. For a set of one picture.",
        .params =
            {param("elements", 0)
                 .at_least(0)
                 .doc("of z that are drawn, the first ones: the coarsest scale's; the others are 0. 0: all"),
             param("seed", 0).at_least(0).doc("of that z")},
        .needs = {"generator.image"}};
  }
  explicit FixedNoise(const Builder& b)
      : z_(drawn(b.fact<int64_t>("latent_size"), b.get<int64_t>("elements"),
                 static_cast<uint64_t>(b.get<int64_t>("seed")))) {}

  Terms generator(Step& s) const {
    const Tensor real = detach(s.input("real.image"));
    const auto size = static_cast<int64_t>(z_.size());
    const Tensor z = to(repeat(Tensor::from<float>(z_, {1, size}), {real.size(0), 1}), real.dtype());
    const Tensor made =
        s.run("generator", {{"z", z}, {"label", s.find("real.label")}, {"real", real}}, "image");
    return {{"reconstruction", mse_loss(made, real)}};
  }

 private:
  // N(0, 1) by Box and Muller, of bits that are the same on every machine.
  static std::vector<float> drawn(int64_t size, int64_t elements, uint64_t seed) {
    uint64_t state = seed;
    const auto uniform = [&state] {  // splitmix64, in (0, 1)
      uint64_t x = state += 0x9e3779b97f4a7c15ULL;
      x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
      x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
      return (static_cast<double>((x ^ (x >> 31)) >> 11) + 0.5) * 0x1p-53;
    };
    std::vector<float> z(static_cast<size_t>(size), 0);
    const size_t count = elements == 0 ? z.size() : std::min(z.size(), static_cast<size_t>(elements));
    for (size_t i = 0; i < count; ++i) {
      const double radius = std::sqrt(-2 * std::log(uniform()));
      z[i] = static_cast<float>(radius * std::cos(2 * std::numbers::pi * uniform()));
    }
    return z;
  }

  std::vector<float> z_;
};
SADDLE_LOSS(FixedNoise)
