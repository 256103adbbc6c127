#include "sngan_tables.hpp"
using namespace saddle;
using namespace saddle::blocks;

// SAGAN (Zhang et al. 2019, arXiv:1805.08318): SNGAN's residual networks with self-attention, spectral norm
// in both, class-conditional. 3 x 32 x 32, z 128, 10 classes, defaults (PyTorch-StudioGAN's CIFAR10 setting):
// generator 4,386,308 parameters, discriminator 1,075,586.
struct Sagan {
  static Description describe() {
    return {
        .name = "sagan",
        .doc =
            "SNGAN's residual networks with self-attention and spectral norm in both players (Zhang et al. "
            "2019; at 32 x 32 as PyTorch-StudioGAN has it). Train it with two time scales: 1e-4 for the "
            "generator, 4e-4 for the discriminator. Features: the last hidden layer, summed over its places. "
            "`map`: the same before that, [n, channels, side, side].",
        .params = {
            width_param("channels: of every block, or at 48, 64 and 128 of the one next to the picture. "
                        "0 is the published: 256 in the generator and 128 in the discriminator, or 64"),
            conditional_param(true),
            param("attention", 0)
                .at_least(0)
                .doc("the side of the map that gets attention; 0 is the published: 32 for pictures of 64 "
                     "and 128, half the side for smaller ones (at 8 x 8 the generator's last)")}};
  }
};

static int64_t attention(const Builder& b, int64_t smallest) {
  const auto side = b.get<int64_t>("attention");
  if (side > 0) return side;
  const int64_t picture = b.sample_shape()[1];
  return picture >= 64 ? 32 : std::max(smallest, picture / 2);
}

struct Generator : ResidualGenerator {
  static Role role() { return {"generator", {"z", "label"}, {"image"}}; }
  explicit Generator(const Builder& b) : ResidualGenerator(b, table(b), options(b)) {}

  static GeneratorTable table(const Builder& b) {
    const auto shape = b.sample_shape();
    check_side(shape, "sagan");
    return sngan_generator(shape, width_or(b, is_tapered(shape) ? 64 : 256));
  }
  static GeneratorOptions options(const Builder& b) {
    const GeneratorTable t = table(b);
    return {.style = glorot(Norm::spectral),
            .classes = classes_if(b, b.get<bool>("conditional")),
            .attention = attention(b, 2 * t.side),
            .condition_init = init::normal(0, 0.02)};
  }
};

struct Discriminator : ResidualDiscriminator {
  static Role role() { return {"discriminator", {"image", "label"}, {"logit", "features", "map"}}; }
  explicit Discriminator(const Builder& b) : ResidualDiscriminator(b, table(b), options(b)) {}

  static DiscriminatorTable table(const Builder& b) {
    const auto shape = b.sample_shape();
    check_side(shape, "sagan");
    return sngan_discriminator(shape, width_or(b, is_tapered(shape) ? 64 : 128));
  }
  static DiscriminatorOptions options(const Builder& b) {
    return {.style = glorot(Norm::spectral),
            .classes = classes_if(b, b.get<bool>("conditional")),
            .attention = attention(b, 1)};
  }
};

SADDLE_MODEL(Sagan, Generator, Discriminator)
