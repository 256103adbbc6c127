#include "minibatch.hpp"
#include "norms.hpp"
#include "pictures.hpp"
using namespace saddle;

// The convolutional networks of DCGAN (Radford et al. 2016, arXiv:1511.06434) in the shape that SNGAN's paper
// (Miyato et al. 2018, arXiv:1802.05957, table 3) and PyTorch-StudioGAN (models/deep_conv.py) gave them, for
// any square side that is 4 times a power of two. With 3 x 32 x 32 pictures, z of 128 and the defaults:
// generator 3,812,355 parameters, discriminator 2,931,009, as StudioGAN logs them.
struct Dcgan {
  static Description describe() {
    return {
        .name = "dcgan",
        .doc =
            "DCGAN for square pictures of side 8, 16, 32, 64 ... (Radford et al. 2016, as built by "
            "PyTorch-StudioGAN's deep_conv). Features: the last hidden layer, summed over its 4 x 4 places. "
            "`map`: the same before that, [n, channels, 4, 4].",
        .params = joined(
            {param("width", 64)
                 .at_least(1)
                 .at_most(65536)
                 .doc("channels of the stage next to the picture; they double with each halving of the side, "
                      "so 64 is 64-128-256-512 at 32 x 32"),
             param("batch_norm", true)
                 .doc("batch norm after every (transposed) convolution of the role but a generator's "
                      "last. For a discriminator under spectral norm or a gradient penalty turn it off"),
             param("slope", 0.0)
                 .at_least(0)
                 .doc("negative slope of the activations; 0 is ReLU (StudioGAN), 0.2 the original "
                      "discriminator's, 0.1 SNGAN's"),
             virtual_batch_norm_param()},
            minibatch_params())};
  }
};

// How often the side halves down to 4.
static int stages(const std::vector<int64_t>& shape) {
  const int n = halvings(shape);
  if (n == 0 || shape[1] >> n != 4)
    throw Error("dcgan needs square pictures whose side is 8, 16, 32, 64 ..., not " + samples_of(shape) +
                ". sngan takes every side that is a multiple of 4, mlp takes everything");
  return n;
}

// A layer, perhaps a batch norm, activation.
template <class Layer>
class Stage {
 public:
  Stage(const Builder& b, const std::string& name, int64_t in, int64_t out, int64_t kernel, int64_t stride,
        const Reference& reference)
      : slope_(b.get<double>("slope")),
        layer_(b, name, in, out, kernel, {.stride = stride, .padding = 1, .init = init::orthogonal()}),
        norm_(b, name + ".norm", out, reference, {.eps = 1e-4}) {}
  Tensor operator()(const Call& call, const Tensor& x) const {
    const Tensor y = norm_(call, layer_(call, x));
    return slope_ == 0 ? relu(y) : leaky_relu(y, slope_);
  }

 private:
  double slope_;
  Layer layer_;
  BatchNormOption norm_;
};

class Generator {
 public:
  static Role role() { return {"generator", {"z"}, {"image"}}; }
  explicit Generator(const Builder& b) : Generator(b, b.get<int64_t>("width"), stages(b.sample_shape())) {}

  Outputs forward(const Call& call) const {
    const Tensor z = reference_.with(call, call.input("z"));
    Tensor x = reshape(project_(call, z), {-1, channels_, 4, 4});
    for (const auto& up : ups_) x = up(call, x);
    return {{"image", tanh(picture_(call, reference_.without(x)))}};
  }

 private:
  Generator(const Builder& b, int64_t width, int doublings)
      : channels_(width << doublings),
        reference_(b, {b.fact<int64_t>("latent_size")}),
        project_(b, "project", b.fact<int64_t>("latent_size"), channels_ * 16, {.init = init::orthogonal()}),
        picture_(b, "picture", width, b.sample_shape()[0], 3, {.padding = 1, .init = init::orthogonal()}) {
    no_minibatch(b);
    for (int i = 0; i < doublings; ++i)
      ups_.emplace_back(b, "up" + std::to_string(i), channels_ >> i, channels_ >> (i + 1), 4, 2, reference_);
  }

  int64_t channels_;  // at 4 x 4
  Reference reference_;
  nn::Linear project_;
  nn::Conv2d picture_;
  std::vector<Stage<nn::ConvTranspose2d>> ups_;
};

class Discriminator {
 public:
  static Role role() { return {"discriminator", {"image"}, {"logit", "features", "map"}}; }
  explicit Discriminator(const Builder& b)
      : Discriminator(b, b.get<int64_t>("width"), stages(b.sample_shape())) {}

  Outputs forward(const Call& call) const {
    Tensor x = reference_.with(call, call.input("image"));
    for (const auto& stage : stages_) x = stage(call, x);
    const Tensor map = reference_.without(x), features = sum(map, IntList{2, 3});
    return {{"logit", output_(call, minibatch_(call, features))}, {"features", features}, {"map", map}};
  }

 private:
  Discriminator(const Builder& b, int64_t width, int halvings)
      : reference_(b, b.sample_shape()),
        minibatch_(b, width << halvings),
        output_(b, "output", minibatch_.width(), 1, {.init = init::orthogonal()}) {
    int64_t in = b.sample_shape()[0];
    for (int i = 0; i < halvings; ++i) {
      const int64_t out = width << i;
      stages_.emplace_back(b, "conv" + std::to_string(i), in, out, 3, 1, reference_);
      stages_.emplace_back(b, "down" + std::to_string(i), out, out, 4, 2, reference_);
      in = out;
    }
    stages_.emplace_back(b, "last", in, 2 * in, 3, 1, reference_);
  }

  Reference reference_;
  Minibatch minibatch_;
  nn::Linear output_;
  std::vector<Stage<nn::Conv2d>> stages_;
};

SADDLE_MODEL(Dcgan, Generator, Discriminator)
