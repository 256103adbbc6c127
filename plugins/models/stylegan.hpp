// Layers of the StyleGAN2 family: equalised learning rates, binomial filters, modulated convolutions.
#pragma once
#include <saddle/nn.hpp>

#include <cmath>

#pragma GCC visibility push(hidden)
namespace saddle::stylegan {

// Leaky ReLU of slope 0.2 that keeps the size of what it is given.
inline Tensor activate(const Tensor& x, double gain = 1) {
  return leaky_relu(x, 0.2) * (gain * std::sqrt(2.0));
}

// Weights start as N(0, 1) and are scaled where they are used, so that Adam moves all layers alike (Karras et
// al. 2018, section 4.1). `rate` makes a layer learn that many times as fast.
struct DenseOptions {
  double bias = 0;  // its start
  double rate = 1;
};
class Dense {
 public:
  Dense(const Builder& b, std::string_view name, int64_t in, int64_t out, const DenseOptions& o = {})
      : rate_(o.rate), scale_(o.rate / std::sqrt(static_cast<double>(in))) {
    const Builder s = b.scope(name);
    weight_ = s.parameter("weight", {out, in}, {Layout::linear, init::normal(0, 1 / o.rate)});
    bias_ = s.parameter("bias", {out}, {Layout::other, init::constant(o.bias / o.rate)});
  }
  Tensor operator()(const Call& c, const Tensor& x) const {
    return linear(x, c[weight_] * scale_, rate_ == 1 ? c[bias_] : c[bias_] * rate_);
  }

 private:
  double rate_, scale_;
  ParamId weight_, bias_;
};

// Doubles, halves or blurs maps with the filter [1, 3, 3, 1] (Karras et al. 2019; Zhang 2019). Every channel
// is a group of its own: as a batch of maps of one channel the same takes 20 times as long on the CPU.
class Filter {
 public:
  explicit Filter(const Builder& b) {
    constexpr float k[] = {1, 3, 3, 1};
    float taps[16];
    for (int i = 0; i < 16; ++i) taps[i] = k[i / 4] * k[i % 4] / 64;
    kernel_ = b.buffer("filter", Tensor::from<float>(taps, {1, 1, 4, 4}));
  }
  Tensor doubled(const Call& c, const Tensor& x) const {
    return conv_transpose2d(x, kernel(c, x, 4), {}, {.stride = 2, .padding = 1, .groups = x.size(1)});
  }
  Tensor halved(const Call& c, const Tensor& x) const {
    return conv2d(x, kernel(c, x), {}, {.stride = 2, .padding = 1, .groups = x.size(1)});
  }
  // One place less on each side for every one below 3 in `padding`.
  Tensor blurred(const Call& c, const Tensor& x, int64_t padding, double gain = 1) const {
    return conv2d(x, kernel(c, x, gain), {}, {.padding = padding, .groups = x.size(1)});
  }

 private:
  Tensor kernel(const Call& c, const Tensor& x, double gain = 1) const {
    const Tensor taps = to(c[kernel_], x.dtype());
    return expand(gain == 1 ? taps : taps * gain, {x.size(1), 1, 4, 4});
  }
  BufferId kernel_;
};

// A convolution of the discriminator, which may halve the side: filter, then stride 2.
struct ConvOptions {
  bool down = false;
  bool bias = true;  // and activation
  double gain = 1;
};
class Conv {
 public:
  Conv(const Builder& b, std::string_view name, int64_t in, int64_t out, int64_t kernel,
       const ConvOptions& o = {})
      : kernel_(kernel), options_(o), scale_(1 / std::sqrt(static_cast<double>(in * kernel * kernel))) {
    const Builder s = b.scope(name);
    weight_ = s.parameter("weight", {out, in, kernel, kernel}, {Layout::conv, init::normal(0, 1)});
    if (o.bias) bias_ = s.parameter("bias", {out});
  }
  Tensor operator()(const Call& c, const Filter& filter, const Tensor& x) const {
    const Tensor weight = c[weight_] * scale_;
    Tensor y;
    if (!options_.down)
      y = conv2d(x, weight, {}, {.padding = kernel_ / 2});
    else if (kernel_ == 1)
      y = conv2d(filter.halved(c, x), weight);
    else
      y = conv2d(filter.blurred(c, x, 2), weight, {}, {.stride = 2});
    if (!bias_) return options_.gain == 1 ? y : y * options_.gain;
    return activate(y + reshape(c[*bias_], {1, -1, 1, 1}), options_.gain);
  }

 private:
  int64_t kernel_;
  ConvOptions options_;
  double scale_;
  ParamId weight_;
  std::optional<ParamId> bias_;
};

// A convolution whose weights are scaled per sample and input channel by a style, and brought back to unit
// length per output channel (Karras et al. 2020, eqs. 1 to 3). `grouped` computes as they are written, with
// one group of a grouped convolution a sample; otherwise the style scales what goes in, and the length what
// comes out, which is the same.
struct ModulatedOptions {
  bool up = false;
  bool demodulate = true;
  bool grouped = false;
};
class ModulatedConv {
 public:
  ModulatedConv(const Builder& b, int64_t style, int64_t in, int64_t out, int64_t kernel,
                const ModulatedOptions& o)
      : kernel_(kernel),
        options_(o),
        scale_(1 / std::sqrt(static_cast<double>(in * kernel * kernel))),
        style_(b, "style", style, in, {.bias = 1}) {
    weight_ = b.parameter("weight", {out, in, kernel, kernel}, {Layout::conv, init::normal(0, 1)});
  }
  // x: [n, in, h, w], w: [n, style] -> [n, out, h, w], or twice the side.
  Tensor operator()(const Call& c, const Filter& filter, const Tensor& x, const Tensor& w) const {
    const Tensor style = style_(c, w), weight = c[weight_] * scale_;
    return options_.grouped ? grouped(c, filter, x, weight, style) : scaled(c, filter, x, weight, style);
  }

 private:
  static constexpr double kEps = 1e-8;

  Tensor grouped(const Call& c, const Filter& filter, const Tensor& x, const Tensor& weight,
                 const Tensor& style) const {
    const int64_t n = x.size(0), in = weight.size(1), out = weight.size(0);
    Tensor w = unsqueeze(weight, 0) * reshape(style, {n, 1, in, 1, 1});
    if (options_.demodulate) w = w * rsqrt(sum(square(w), {2, 3, 4}, true) + kEps);
    const Tensor all = reshape(x, {1, n * in, x.size(2), x.size(3)});
    Tensor y;
    if (options_.up)
      y = conv_transpose2d(all, reshape(transpose(w, 1, 2), {n * in, out, kernel_, kernel_}), {},
                           {.stride = 2, .groups = n});
    else
      y = conv2d(all, reshape(w, {n * out, in, kernel_, kernel_}), {}, {.padding = kernel_ / 2, .groups = n});
    y = reshape(y, {n, out, y.size(2), y.size(3)});
    return options_.up ? filter.blurred(c, y, 1, 4) : y;
  }
  Tensor scaled(const Call& c, const Filter& filter, const Tensor& x, const Tensor& weight,
                const Tensor& style) const {
    const int64_t n = x.size(0);
    const Tensor given = x * reshape(style, {n, -1, 1, 1});
    Tensor y = options_.up ? filter.blurred(
                                 c, conv_transpose2d(given, transpose(weight, 0, 1), {}, {.stride = 2}), 1, 4)
                           : conv2d(given, weight, {}, {.padding = kernel_ / 2});
    if (!options_.demodulate) return y;
    const Tensor length = rsqrt(matmul(square(style), transpose(sum(square(weight), {2, 3}), 0, 1)) + kEps);
    return y * reshape(length, {n, -1, 1, 1});
  }

  int64_t kernel_;
  ModulatedOptions options_;
  double scale_;
  Dense style_;
  ParamId weight_;
};

}  // namespace saddle::stylegan
#pragma GCC visibility pop
