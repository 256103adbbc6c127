#include <algorithm>

#include "pictures.hpp"
using namespace saddle;

// The residual networks of SNGAN for 32 x 32 pictures (Miyato et al. 2018, arXiv:1802.05957, table 4;
// released code: pfnet-research/sngan_projection, resnet_32 and snresnet_32), unconditional, and the same
// blocks for every side that is a multiple of 4. With 3 x 32 x 32 pictures, z of 128 and the defaults:
// generator 4,276,739 parameters, discriminator 1,053,825.
struct Sngan {
  static Description describe() {
    return {
        .name = "sngan",
        .doc =
            "Residual SNGAN for square pictures whose side is a multiple of 4, from 8 up (Miyato et al. "
            "2018, "
            "table 4). The discriminator is spectrally normalised in every layer. The generator starts at "
            "the side halved as long as it stays whole and at least 4 (32: 4, 28: 7, 12: 6); the "
            "discriminator halves once less, at least once, and then has two blocks more. Features: the last "
            "hidden layer, summed over its places.",
        .params = {
            param("width", 0)
                .at_least(0)
                .at_most(65536)
                .doc("channels of every block; 0 is the paper's: 256 in the generator, 128 in the "
                     "discriminator"),
            param("upsample", "nearest")
                .one_of({"nearest", "bilinear"})
                .doc("how the generator doubles the side: nearest in the paper's code and in StudioGAN, "
                     "bilinear in mimicry")}};
  }
};

static int stages(const std::vector<int64_t>& shape) {
  const int n = halvings(shape);
  if (n == 0)
    throw Error("sngan needs square pictures whose side is a multiple of 4, from 8 up, not " +
                samples_of(shape) + ". mlp takes everything");
  return n;
}

static int64_t width_or(const Builder& b, int64_t published) {
  const auto width = b.get<int64_t>("width");
  return width > 0 ? width : published;
}

// Glorot uniform, gain sqrt(2) in front of a ReLU (3 x 3 of the residual path), 1 elsewhere, as in the code
// above.
static const Init kResidual = init::xavier_uniform(1.4142135623730951);
static const Init kPlain = init::xavier_uniform(1);

static nn::Conv2d conv3(const Builder& b, const char* name, int64_t in, int64_t out, Norm norm,
                        const Init& init = kResidual) {
  return {b, name, in, out, 3, {.padding = 1, .init = init, .norm = norm}};
}
static nn::Conv2d conv1(const Builder& b, const char* name, int64_t in, int64_t out, Norm norm) {
  return {b, name, in, out, 1, {.init = kPlain, .norm = norm}};
}

// BN-ReLU-up-conv-BN-ReLU-conv, and up-conv1 beside it. A 1 x 1 convolution commutes with both ways of
// upsampling, so the shortcut is convolved first, on a quarter of the places.
class UpBlock {
 public:
  UpBlock(const Builder& b, int64_t width)
      : bilinear_(b.get<std::string>("upsample") == "bilinear"),
        norm1_(b, "norm1", width),
        norm2_(b, "norm2", width),
        conv1_(conv3(b, "conv1", width, width, Norm::none)),
        conv2_(conv3(b, "conv2", width, width, Norm::none)),
        shortcut_(conv1(b, "shortcut", width, width, Norm::none)) {}
  Tensor operator()(const Call& call, const Tensor& x) const {
    const Tensor h = conv1_(call, up(relu(norm1_(call, x))));
    return conv2_(call, relu(norm2_(call, h))) + up(shortcut_(call, x));
  }

 private:
  Tensor up(const Tensor& x) const {
    return bilinear_ ? upsample_bilinear2d(x, {2 * x.size(2), 2 * x.size(3)}, false)
                     : nn::upsample_nearest(x);
  }
  bool bilinear_;
  nn::BatchNorm norm1_, norm2_;
  nn::Conv2d conv1_, conv2_, shortcut_;
};

class Generator {
 public:
  static Role role() { return {"generator", {"z"}, {"image"}}; }
  explicit Generator(const Builder& b)
      : Generator(b, width_or(b, 256), b.sample_shape(), stages(b.sample_shape())) {}

  Outputs forward(const Call& call) const {
    Tensor x = reshape(project_(call, call.input("z")), {-1, width_, side_, side_});
    for (const UpBlock& block : blocks_) x = block(call, x);
    return {{"image", tanh(picture_(call, relu(norm_(call, x))))}};
  }

 private:
  Generator(const Builder& b, int64_t width, const std::vector<int64_t>& shape, int doublings)
      : width_(width),
        side_(shape[1] >> doublings),
        project_(b, "project", b.fact<int64_t>("latent_size"), width * side_ * side_, {.init = kPlain}),
        norm_(b, "norm", width),
        picture_(conv3(b, "picture", width, shape[0], Norm::none, kPlain)) {
    for (int i = 0; i < doublings; ++i) blocks_.emplace_back(b.scope("block" + std::to_string(i)), width);
  }

  int64_t width_, side_;  // at the first block
  nn::Linear project_;
  nn::BatchNorm norm_;
  nn::Conv2d picture_;
  std::vector<UpBlock> blocks_;
};

// (ReLU-)conv-ReLU-conv(-pool), and beside it x itself, or conv1(-pool) where the shape changes. The first
// block of all takes the picture, so without the first ReLU. The pool comes before the shortcut's 1 x 1
// convolution: they commute, and it is a quarter of the work.
class DownBlock {
 public:
  DownBlock(const Builder& b, int64_t in, int64_t width, bool first, bool down)
      : first_(first),
        down_(down),
        conv1_(conv3(b, "conv1", in, width, Norm::spectral)),
        conv2_(conv3(b, "conv2", width, width, Norm::spectral)) {
    if (down || in != width) shortcut_ = conv1(b, "shortcut", in, width, Norm::spectral);
  }
  Tensor operator()(const Call& call, const Tensor& x) const {
    const Tensor h = conv2_(call, relu(conv1_(call, first_ ? x : relu(x))));
    const Tensor shorter = down_ ? avg_pool2d(x, 2) : x;
    return (down_ ? avg_pool2d(h, 2) : h) + (shortcut_ ? (*shortcut_)(call, shorter) : shorter);
  }

 private:
  bool first_, down_;
  nn::Conv2d conv1_, conv2_;
  std::optional<nn::Conv2d> shortcut_;
};

class Discriminator {
 public:
  static Role role() { return {"discriminator", {"image"}, {"logit", "features"}}; }
  explicit Discriminator(const Builder& b)
      : output_(b, "output", width_or(b, 128), 1, {.init = kPlain, .norm = Norm::spectral}) {
    if (b.get<std::string>("upsample") != "nearest")
      throw Error("'upsample' is the generator's; a discriminator has none: leave it out");
    const auto shape = b.sample_shape();
    const int64_t width = width_or(b, 128);
    const int downs = std::max(1, stages(shape) - 1);
    for (int i = 0; i < downs + 2; ++i)
      blocks_.emplace_back(b.scope("block" + std::to_string(i)), i == 0 ? shape[0] : width, width, i == 0,
                           i < downs);
  }
  Outputs forward(const Call& call) const {
    Tensor x = call.input("image");
    for (const DownBlock& block : blocks_) x = block(call, x);
    const Tensor features = sum(relu(x), IntList{2, 3});
    return {{"logit", output_(call, features)}, {"features", features}};
  }

 private:
  nn::Linear output_;
  std::vector<DownBlock> blocks_;
};

SADDLE_MODEL(Sngan, Generator, Discriminator)
