#include "sngan_tables.hpp"
using namespace saddle;
using namespace saddle::blocks;

// The residual networks of SNGAN (Miyato et al. 2018, arXiv:1802.05957, tables 3 and 4; released code:
// pfnet-research/sngan_projection, resnet_32 and snresnet_32; mimicry's sngan_64), and the same blocks for
// every side that is a multiple of 4. With 3 x 32 x 32 pictures, z of 128 and the defaults: generator
// 4,276,739 parameters, discriminator 1,053,825; with 10 classes 4,304,387 and 1,055,105. At 64 x 64:
// 12,220,675 and 10,141,441.
struct Sngan {
  static Description describe() {
    return {
        .name = "sngan",
        .version = "2",
        .doc =
            "Residual SNGAN for square pictures whose side is a multiple of 4, from 8 up (Miyato et al. "
            "2018, tables 3 and 4). The discriminator is spectrally normalised in every layer. At 48, 64 "
            "and 128 the channels are the papers' (64 next to the picture, doubling away from it); at "
            "other sides every block has the same width. Features: the last hidden layer, summed over its "
            "places. `map`: the same before that, [n, channels, side, side].",
        .params = joined(
            {width_param("channels: of every block, or at 48, 64 and 128 of the one next to the picture. "
                         "0 is the papers': 256 in the generator and 128 in the discriminator, or 64"),
             conditional_param(false),
             param("upsample", "nearest")
                 .one_of({"nearest", "bilinear"})
                 .doc("how the generator doubles the side: nearest in the paper's code and in "
                      "StudioGAN, bilinear in mimicry")},
            minibatch_params())};
  }
};

struct Generator : ResidualGenerator {
  static Role role() { return {"generator", {"z", "label"}, {"image"}}; }
  explicit Generator(const Builder& b) : ResidualGenerator(b, table(b), options(b)) {}

  static GeneratorTable table(const Builder& b) {
    no_minibatch(b);
    const auto shape = b.sample_shape();
    check_side(shape, "sngan");
    return sngan_generator(shape, width_or(b, is_tapered(shape) ? 64 : 256));
  }
  static GeneratorOptions options(const Builder& b) {
    return {.style = glorot(Norm::none),
            .classes = classes_if(b, b.get<bool>("conditional")),
            .bilinear = b.get<std::string>("upsample") == "bilinear",
            .condition_init = init::normal(0, 0.02)};
  }
};

struct Discriminator : ResidualDiscriminator {
  static Role role() { return {"discriminator", {"image", "label"}, {"logit", "features", "map"}}; }
  explicit Discriminator(const Builder& b) : ResidualDiscriminator(b, table(b), options(b)) {}

  static DiscriminatorTable table(const Builder& b) {
    if (b.get<std::string>("upsample") != "nearest")
      throw Error("'upsample' is the generator's; a discriminator has none: leave it out");
    const auto shape = b.sample_shape();
    check_side(shape, "sngan");
    return sngan_discriminator(shape, width_or(b, is_tapered(shape) ? 64 : 128));
  }
  static DiscriminatorOptions options(const Builder& b) {
    return {.style = glorot(Norm::spectral),
            .classes = classes_if(b, b.get<bool>("conditional")),
            .minibatch = true};
  }
};

SADDLE_MODEL(Sngan, Generator, Discriminator)
