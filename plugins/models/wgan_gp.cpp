#include "sngan_tables.hpp"
using namespace saddle;
using namespace saddle::blocks;

// The residual CIFAR networks of WGAN-GP (Gulrajani et al. 2017, arXiv:1704.00028, released code
// gan_cifar_resnet): no norm in the discriminator, features averaged over places.
struct WganGp {
  static Description describe() {
    return {
        .name = "wgan_gp",
        .doc =
            "The residual networks of WGAN-GP for CIFAR (Gulrajani et al. 2017), for square pictures whose "
            "side is a multiple of 4, from 8 up. Nothing is normalised in the discriminator, as a gradient "
            "penalty needs it; \"norm\": \"spectral\" gives the variant of the cross-sample similarity "
            "paper. Features: the last hidden layer, averaged over its places. `map`: the same before "
            "that, [n, channels, side, side].",
        .params = {
            param("width", 128)
                .at_least(1)
                .at_most(65536)
                .doc("channels of every block (mimicry: 256 in the generator), or at 48, 64 and 128 of "
                     "the one next to the picture"),
            conditional_param(false)}};
  }
};

struct Generator : ResidualGenerator {
  static Role role() { return {"generator", {"z", "label"}, {"image"}}; }
  explicit Generator(const Builder& b)
      : ResidualGenerator(b, table(b),
                          {.style = glorot(Norm::none),
                           .classes = classes_if(b, b.get<bool>("conditional")),
                           .condition_init = init::normal(0, 0.02)}) {}
  static GeneratorTable table(const Builder& b) {
    check_side(b.sample_shape(), "wgan_gp");
    return sngan_generator(b.sample_shape(), b.get<int64_t>("width"));
  }
};

struct Discriminator : ResidualDiscriminator {
  static Role role() { return {"discriminator", {"image", "label"}, {"logit", "features", "map"}}; }
  explicit Discriminator(const Builder& b)
      : ResidualDiscriminator(b, table(b),
                              {.style = glorot(Norm::none),
                               .classes = classes_if(b, b.get<bool>("conditional")),
                               .mean = true}) {}
  static DiscriminatorTable table(const Builder& b) {
    check_side(b.sample_shape(), "wgan_gp");
    return sngan_discriminator(b.sample_shape(), b.get<int64_t>("width"));
  }
};

SADDLE_MODEL(WganGp, Generator, Discriminator)
