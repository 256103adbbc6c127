#include "biggan_tables.hpp"
using namespace saddle;
using namespace saddle::blocks;

// BigGAN (Brock et al. 2019, arXiv:1809.11096, appendix B; slides in the project's survey). Parameters at
// 3 x 32 x 32, 10 classes: BigGAN-PyTorch's CIFAR setting (width 64 in both, z 128) generator 4,304,387 and
// discriminator 4,207,361; PyTorch-StudioGAN's (generator of width 96, shared embedding, skip-z, z 80,
// attention at 16; discriminator of width 48, attention at 16) 9,416,196 and 2,415,170; that without labels
// 8,825,092 and 2,413,250.
struct BigGan {
  static Description describe() {
    return {
        .name = "biggan",
        .doc =
            "BigGAN for square pictures of side 64, 128 and 256 as drawn for ImageNet, and of 8 to 32 (four "
            "widths in every block, as BigGAN-PyTorch and StudioGAN build it for CIFAR; StudioGAN's "
            "discriminator of 96 is width 48 here). Spectral norm in both players, orthogonal "
            "initialisation. Features: the last hidden layer, summed over its places. `map`: the same "
            "before that, [n, channels, side, side].",
        .params = {
            param("width", 64)
                .at_least(1)
                .at_most(65536)
                .doc("channels of the block next to the picture from side 64 on, a quarter of every block's "
                     "up to side 32"),
            param("conditional", true)
                .doc("labels in this network: class-conditional batch norm in the generator, projection "
                     "in the discriminator; each player has its own switch"),
            param("shared_embedding", 0)
                .at_least(0)
                .doc("generator: elements of the one class embedding that all batch norms share (paper: "
                     "128); 0: a table for each"),
            param("skip_z", false)
                .doc("generator: z in equal pieces, one for the first layer and one for each block's "
                     "batch norms (appendix B; z 120 at 128, 80 at 32)"),
            param("self_modulation", false)
                .doc("generator: all of z modulates every batch norm through a hidden layer of 128 "
                     "(U-Net GAN's unconditional setting); excludes conditional and skip_z"),
            param("attention", 0)
                .at_least(0)
                .doc("the side of the map that gets self-attention (paper: 64 at side 128; StudioGAN: 16 "
                     "at 32); 0: none"),
            param("dropout", 0.0)
                .at_least(0)
                .below(1)
                .doc("discriminator: of the features that its last layer sees (section 4.2 names dropout "
                     "beside R1 and L2, which is the optimizer's weight_decay)"),
            param("wide_start", false)
                .doc(
                    "generator at side 64: 16, 16, 8, 4, 2 widths as in BigGAN-PyTorch, whose networks of "
                    "width 32 with attention at 32 are the SAGAN of instance selection (DeVries et al. 2020) "
                    "and KDD GAN; false: 16, 8, 4, 2, 1 as in StudioGAN")}};
  }
};

struct Generator : ResidualGenerator {
  static Role role() { return {"generator", {"z", "label"}, {"image"}}; }
  explicit Generator(const Builder& b) : ResidualGenerator(b, table(b), options(b)) {}

  static GeneratorTable table(const Builder& b) {
    check_biggan_side(b.sample_shape(), "biggan");
    const bool wide_start = b.get<bool>("wide_start");
    if (wide_start && b.sample_shape()[1] != 64)
      throw Error("'wide_start' is for pictures of side 64, not " + samples_of(b.sample_shape()));
    return biggan_generator(b.sample_shape(), b.get<int64_t>("width"), wide_start);
  }
  static GeneratorOptions options(const Builder& b) {
    if (b.get<double>("dropout") != 0) throw Error("'dropout' is the discriminator's: leave it out");
    const bool conditional = b.get<bool>("conditional"), modulated = b.get<bool>("self_modulation");
    if (modulated && (conditional || b.get<bool>("skip_z")))
      throw Error("'self_modulation' excludes 'conditional' and 'skip_z': set both to false");
    return {.style = orthogonal(Norm::spectral),
            .classes = classes_if(b, conditional),
            .shared_embedding = b.get<int64_t>("shared_embedding"),
            .skip_z = b.get<bool>("skip_z"),
            .self_modulated = modulated,
            .attention = b.get<int64_t>("attention"),
            .condition_norm = modulated ? Norm::none : Norm::spectral,
            .condition_init = init::orthogonal()};
  }
};

struct Discriminator : ResidualDiscriminator {
  static Role role() { return {"discriminator", {"image", "label"}, {"logit", "features", "map"}}; }
  explicit Discriminator(const Builder& b) : ResidualDiscriminator(b, table(b), options(b)) {}

  static DiscriminatorTable table(const Builder& b) {
    if (b.get<int64_t>("shared_embedding") != 0 || b.get<bool>("skip_z") || b.get<bool>("self_modulation") ||
        b.get<bool>("wide_start"))
      throw Error(
          "'shared_embedding', 'skip_z', 'self_modulation' and 'wide_start' are the generator's: leave them "
          "out");
    check_biggan_side(b.sample_shape(), "biggan");
    return biggan_discriminator(b.sample_shape(), b.get<int64_t>("width"));
  }
  static DiscriminatorOptions options(const Builder& b) {
    return {.style = orthogonal(Norm::spectral),
            .classes = classes_if(b, b.get<bool>("conditional")),
            .attention = b.get<int64_t>("attention"),
            .dropout = b.get<double>("dropout")};
  }
};

SADDLE_MODEL(BigGan, Generator, Discriminator)
