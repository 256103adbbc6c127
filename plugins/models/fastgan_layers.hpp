// Building blocks of FastGAN (Liu et al. 2021, arXiv:2101.04775): every convolution without bias and under
// spectral norm, weights from N(0, 0.02), gains of batch norms from N(1, 0.02).
#pragma once
#include <saddle/nn.hpp>

#include <algorithm>
#include <map>

#include "pictures.hpp"

#pragma GCC visibility push(hidden)
namespace saddle::fastgan {

inline nn::ConvOptions plain(int64_t stride, int64_t padding) {
  return {.stride = stride,
          .padding = padding,
          .bias = false,
          .init = init::normal(0, 0.02),
          .norm = Norm::spectral};
}
inline nn::Conv2d conv1(const Builder& b, const char* name, int64_t in, int64_t out) {
  return {b, name, in, out, 1, plain(1, 0)};
}
inline nn::Conv2d conv3(const Builder& b, const char* name, int64_t in, int64_t out) {
  return {b, name, in, out, 3, plain(1, 1)};
}
// Half the side.
inline nn::Conv2d conv4_down(const Builder& b, const char* name, int64_t in, int64_t out) {
  return {b, name, in, out, 4, plain(2, 1)};
}
// 4 x 4 places to one, 8 x 8 to 5 x 5.
inline nn::Conv2d conv4(const Builder& b, const char* name, int64_t in, int64_t out) {
  return {b, name, in, out, 4, plain(1, 0)};
}
inline nn::BatchNorm batch_norm(const Builder& b, const char* name, int64_t features) {
  return {b, name, features, nn::BatchNormOptions{.gain = init::normal(1, 0.02)}};
}
inline Tensor leaky(const Tensor& x) { return leaky_relu(x, 0.2); }
// To side x side, by leaving out pixels or repeating them.
inline Tensor resized(const Tensor& image, int64_t side) {
  return image.size(2) == side && image.size(3) == side ? image : upsample_nearest2d(image, {side, side});
}

// `times` widths, at least one channel.
inline int64_t channels(int64_t width, double times) {
  return std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(width) * times));
}

// The side of the pictures; throws for those that the network is not made for.
inline int64_t side_of(const Builder& b) {
  const auto shape = b.sample_shape();
  if (shape.size() != 3 || shape[1] != shape[2] || shape[1] < 32 || shape[1] > 1024 ||
      (shape[1] & (shape[1] - 1)) != 0)
    throw Error("fastgan needs square pictures whose side is 32, 64, 128, 256, 512 or 1024, not " +
                samples_of(shape));
  return shape[1];
}
// Of the small picture and of decoded ones: 128, for small pictures half of the side.
inline int64_t small_side(int64_t side) { return std::min<int64_t>(128, side / 2); }

// Skip-layer channel-wise excitation (eq. 1): a map of low resolution says how much each channel of one of
// high resolution counts.
class Excitation {
 public:
  Excitation(const Builder& b, int64_t low, int64_t high)
      : conv1_(conv4(b, "conv1", low, high)), conv2_(fastgan::conv1(b, "conv2", high, high)) {}
  // [n, high, 1, 1], each in (0, 1).
  Tensor operator()(const Call& call, const Tensor& low) const {
    return sigmoid(conv2_(call, silu(conv1_(call, adaptive_avg_pool2d(low, {4, 4})))));
  }

 private:
  nn::Conv2d conv1_, conv2_;
};

// One value for each place, the same in all channels, times a trained number that starts at 0.
class Noise {
 public:
  Noise(const Builder& b, const char* name) : strength_(b.parameter(name, {1})) {}
  Tensor operator()(const Call& call, const Tensor& x) const {
    return x + call[strength_] * randn({x.size(0), 1, x.size(2), x.size(3)}, x.dtype());
  }

 private:
  ParamId strength_;
};

// up-conv3-BN-GLU; twice: conv3-BN-GLU behind it, and noise in front of both batch norms.
class UpBlock {
 public:
  UpBlock(const Builder& b, int64_t in, int64_t out, bool twice = false, bool noise = false)
      : conv1_(conv3(b, "conv1", in, 2 * out)), norm1_(batch_norm(b, "norm1", 2 * out)) {
    if (!twice) return;
    conv2_ = conv3(b, "conv2", out, 2 * out);
    norm2_ = batch_norm(b, "norm2", 2 * out);
    if (!noise) return;
    noise1_.emplace(b, "noise1");
    noise2_.emplace(b, "noise2");
  }
  Tensor operator()(const Call& call, const Tensor& x) const {
    Tensor h = conv1_(call, nn::upsample_nearest(x));
    if (noise1_) h = (*noise1_)(call, h);
    h = glu(norm1_(call, h), 1);
    if (!conv2_) return h;
    h = (*conv2_)(call, h);
    if (noise2_) h = (*noise2_)(call, h);
    return glu((*norm2_)(call, h), 1);
  }

 private:
  nn::Conv2d conv1_;
  nn::BatchNorm norm1_;
  std::optional<Noise> noise1_, noise2_;
  std::optional<nn::Conv2d> conv2_;
  std::optional<nn::BatchNorm> norm2_;
};

// Half the side: conv4-BN-LReLU; composite: the mean of that with conv3-BN-LReLU behind it, and of
// pool-conv1-BN-LReLU.
class DownBlock {
 public:
  DownBlock(const Builder& b, int64_t in, int64_t out, bool composite)
      : conv1_(conv4_down(b, "conv1", in, out)), norm1_(batch_norm(b, "norm1", out)) {
    if (!composite) return;
    conv2_ = conv3(b, "conv2", out, out);
    norm2_ = batch_norm(b, "norm2", out);
    direct_ = conv1(b, "direct", in, out);
    direct_norm_ = batch_norm(b, "direct_norm", out);
  }
  Tensor operator()(const Call& call, const Tensor& x) const {
    Tensor h = leaky(norm1_(call, conv1_(call, x)));
    if (!conv2_) return h;
    const Tensor direct = leaky((*direct_norm_)(call, (*direct_)(call, avg_pool2d(x, 2))));
    return (leaky((*norm2_)(call, (*conv2_)(call, h))) + direct) / 2.0;
  }

 private:
  nn::Conv2d conv1_;
  nn::BatchNorm norm1_;
  std::optional<nn::Conv2d> conv2_, direct_;
  std::optional<nn::BatchNorm> norm2_, direct_norm_;
};

// 8 x 8 places of features to a picture of the small side.
class Decoder {
 public:
  Decoder(const Builder& b, int64_t in, int64_t width, int64_t side, int64_t colours) {
    for (int64_t s = 16; s <= small_side(side); s *= 2) {
      const int64_t out = channels(width, s == 16 ? 2 : s == 128 ? 0.5 : 1);
      blocks_.emplace_back(b.scope("up" + std::to_string(s)), in, out);
      in = out;
    }
    image_ = conv3(b, "image", in, colours);
  }
  Tensor operator()(const Call& call, const Tensor& map) const {
    Tensor h = map.size(2) == 8 && map.size(3) == 8 ? map : adaptive_avg_pool2d(map, {8, 8});
    for (const UpBlock& block : blocks_) h = block(call, h);
    return tanh((*image_)(call, h));
  }

 private:
  std::vector<UpBlock> blocks_;
  std::optional<nn::Conv2d> image_;
};

}  // namespace saddle::fastgan
#pragma GCC visibility pop
