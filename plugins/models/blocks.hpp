// Building blocks of the residual GAN family: SNGAN, SAGAN, WGAN-GP's networks, BigGAN.
#pragma once
#include <saddle/nn.hpp>

#pragma GCC visibility push(hidden)
namespace saddle::blocks {

// How the layers of a network start, and what normalises their weights.
struct Style {
  Init residual;  // 3 x 3 convolutions of the residual path
  Init plain;     // shortcuts, linear layers, the convolution that makes the picture
  Init embedding = init::normal(0, 1);
  Norm norm = Norm::none;
};

// Glorot uniform, gain sqrt(2) in front of a ReLU, as in the released code of SNGAN.
inline Style glorot(Norm norm) {
  return {init::xavier_uniform(1.4142135623730951), init::xavier_uniform(1), init::normal(0, 1), norm};
}

inline nn::Conv2d conv3(const Builder& b, const char* name, int64_t in, int64_t out, const Init& init,
                        Norm norm) {
  return {b, name, in, out, 3, {.padding = 1, .init = init, .norm = norm}};
}
inline nn::Conv2d conv1(const Builder& b, const char* name, int64_t in, int64_t out, const Init& init,
                        Norm norm, bool bias = true) {
  return {b, name, in, out, 1, {.bias = bias, .init = init, .norm = norm}};
}

// What gain and bias of a generator's batch norms depend on.
struct Condition {
  enum class On {
    nothing,  // trained constants
    label,    // a row of a table for each class (Dumoulin et al. 2017; Miyato and Koyama 2018)
    vector,   // linear in a vector: shared embedding, piece of z, or both (BigGAN, Brock et al. 2019)
    latent    // a hidden layer on z: self-modulation (Chen et al. 2019, as U-Net GAN has it)
  };
  On on = On::nothing;
  int64_t size = 0;           // classes, or elements of the vector
  Norm norm = Norm::none;     // of the linear layers of `vector`
  Init init = init::zeros();  // of tables and linear layers
  double eps = 1e-5;          // of the batch norm
};

// Batch norm whose gain is 1 + f(condition) and whose bias is g(condition).
// x: [batch, features, height, width]; condition: as Condition::On says, [batch] int64 or [batch, size].
class ConditionalBatchNorm {
 public:
  ConditionalBatchNorm(const Builder& b, std::string_view name, int64_t features, const Condition& c)
      : on_(c.on), eps_(c.eps) {
    const Builder s = b.scope(name);
    constexpr int64_t kHidden = 128;
    const nn::LayerOptions plain{.bias = false, .init = c.init, .norm = c.norm};
    switch (on_) {
      case Condition::On::nothing:
        weight_ = s.parameter("weight", {features}, {Layout::other, init::constant(1)});
        bias_ = s.parameter("bias", {features});
        break;
      case Condition::On::label:
        gains_.emplace(s, "gain", c.size, features, ParamOptions{Layout::embedding, c.init});
        biases_.emplace(s, "bias", c.size, features, ParamOptions{Layout::embedding, init::zeros()});
        break;
      case Condition::On::latent:
        gain_hidden_.emplace(s, "gain_hidden", c.size, kHidden, nn::LayerOptions{.init = c.init});
        bias_hidden_.emplace(s, "bias_hidden", c.size, kHidden, nn::LayerOptions{.init = c.init});
        gain_.emplace(s, "gain", kHidden, features, plain);
        shift_.emplace(s, "bias", kHidden, features, plain);
        break;
      case Condition::On::vector:
        gain_.emplace(s, "gain", c.size, features, plain);
        shift_.emplace(s, "bias", c.size, features, plain);
    }
    mean_ = s.buffer("running_mean", {features}, 0);
    var_ = s.buffer("running_var", {features}, 1);
  }

  Tensor operator()(const Call& call, const Tensor& x, const Tensor& condition) const {
    const bool affine = on_ == Condition::On::nothing;
    Tensor h = batch_norm(x, affine ? call[weight_] : detail::empty, affine ? call[bias_] : detail::empty,
                          call[mean_], call[var_], call.training(), 0.1, eps_, true);
    if (affine) return h;
    const auto [gain, bias] = modulation(call, condition);
    const IntList shape = {x.size(0), x.size(1), 1, 1};
    return reshape(bias, shape) + h * (reshape(gain, shape) + 1);
  }

 private:
  std::pair<Tensor, Tensor> modulation(const Call& call, const Tensor& c) const {
    if (on_ == Condition::On::label) return {(*gains_)(call, c), (*biases_)(call, c)};
    if (on_ == Condition::On::vector) return {(*gain_)(call, c), (*shift_)(call, c)};
    return {(*gain_)(call, relu((*gain_hidden_)(call, c))), (*shift_)(call, relu((*bias_hidden_)(call, c)))};
  }

  Condition::On on_;
  double eps_;
  ParamId weight_, bias_;
  BufferId mean_, var_;
  std::optional<nn::Embedding> gains_, biases_;
  std::optional<nn::Linear> gain_hidden_, bias_hidden_, gain_, shift_;
};

// Twice the side.
inline Tensor up(const Tensor& x, bool bilinear = false) {
  return bilinear ? upsample_bilinear2d(x, {2 * x.size(2), 2 * x.size(3)}, false) : nn::upsample_nearest(x);
}

// BN-ReLU-up-conv3-BN-ReLU-conv3, and up-conv1 beside it. A 1 x 1 convolution commutes with both ways of
// upsampling, so the shortcut is convolved first, on a quarter of the places.
class UpBlock {
 public:
  UpBlock(const Builder& b, int64_t in, int64_t out, const Condition& condition, const Style& style,
          bool bilinear = false)
      : bilinear_(bilinear),
        norm1_(b, "norm1", in, condition),
        norm2_(b, "norm2", out, condition),
        conv1_(conv3(b, "conv1", in, out, style.residual, style.norm)),
        conv2_(conv3(b, "conv2", out, out, style.residual, style.norm)),
        shortcut_(conv1(b, "shortcut", in, out, style.plain, style.norm)) {}
  Tensor operator()(const Call& call, const Tensor& x, const Tensor& condition) const {
    const Tensor h = conv1_(call, up(relu(norm1_(call, x, condition)), bilinear_));
    return conv2_(call, relu(norm2_(call, h, condition))) + up(shortcut_(call, x), bilinear_);
  }

 private:
  bool bilinear_;
  ConditionalBatchNorm norm1_, norm2_;
  nn::Conv2d conv1_, conv2_, shortcut_;
};

// (ReLU-)conv3-ReLU-conv3(-pool), and beside it x itself, or conv1(-pool) where the shape changes. The first
// block of all takes the picture, so without the first ReLU. The pool comes before the shortcut's 1 x 1
// convolution: they commute, and it is a quarter of the work.
class DownBlock {
 public:
  DownBlock(const Builder& b, int64_t in, int64_t hidden, int64_t out, bool first, bool down,
            const Style& style)
      : first_(first),
        down_(down),
        conv1_(conv3(b, "conv1", in, hidden, style.residual, style.norm)),
        conv2_(conv3(b, "conv2", hidden, out, style.residual, style.norm)) {
    if (down || in != out) shortcut_ = conv1(b, "shortcut", in, out, style.plain, style.norm);
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

// x + gamma * attention over places (SAGAN, Zhang et al. 2019, eq. 1 to 3, with keys and values pooled 2 x 2
// and channels reduced to 1/8 and 1/2, as every released code has it). gamma starts at 0.
class Attention {
 public:
  Attention(const Builder& b, int64_t channels, const Style& style)
      : query_(conv1(b, "query", enough(channels), channels / 8, style.plain, style.norm, false)),
        key_(conv1(b, "key", channels, channels / 8, style.plain, style.norm, false)),
        value_(conv1(b, "value", channels, channels / 2, style.plain, style.norm, false)),
        output_(conv1(b, "output", channels / 2, channels, style.plain, style.norm, false)),
        gamma_(b.parameter("gamma", {1})) {}
  Tensor operator()(const Call& call, const Tensor& x) const {
    const int64_t n = x.size(0), height = x.size(2), width = x.size(3);
    const auto flat = [n](const Tensor& t) { return reshape(t, {n, t.size(1), -1}); };
    const Tensor query = flat(query_(call, x)), key = flat(max_pool2d(key_(call, x), 2)),
                 value = flat(max_pool2d(value_(call, x), 2));
    const Tensor weights = softmax(bmm(transpose(query, 1, 2), key), -1);  // [n, places, places / 4]
    const Tensor seen = reshape(bmm(value, transpose(weights, 1, 2)), {n, -1, height, width});
    return x + call[gamma_] * output_(call, seen);
  }

 private:
  static int64_t enough(int64_t channels) {
    if (channels < 8) throw Error("attention needs 8 channels or more: make the network wider");
    return channels;
  }
  nn::Conv2d query_, key_, value_, output_;
  ParamId gamma_;
};

// The logit: linear in the features, plus the label's row of a table times the features where the
// discriminator is conditional (projection discriminator, Miyato and Koyama 2018, eq. 4).
class Head {
 public:
  // `more`: features that only the linear layer sees, beside the others.
  Head(const Builder& b, int64_t features, int64_t classes, const Style& style, int64_t more = 0)
      : output_(b, "output", features + more, 1, {.init = style.plain, .norm = style.norm}) {
    if (classes > 0)
      classes_.emplace(b, "embedding", classes, features,
                       ParamOptions{Layout::embedding, style.embedding, style.norm});
  }
  // features: [batch, n]; label: [batch] int64, or empty without classes; all: [batch, n + more], or empty
  // for the features alone. -> [batch, 1]
  Tensor operator()(const Call& call, const Tensor& features, const Tensor& label,
                    const Tensor& all = {}) const {
    const Tensor logit = output_(call, all ? all : features);
    return classes_ ? logit + sum((*classes_)(call, label) * features, 1, true) : logit;
  }

 private:
  nn::Linear output_;
  std::optional<nn::Embedding> classes_;
};

// Number of classes for a network that asks for labels; 0 where it does not.
inline int64_t classes_if(const Builder& b, bool conditional) {
  if (!conditional) return 0;
  const int64_t classes = b.has_fact("classes") ? b.fact<int64_t>("classes") : 0;
  if (classes < 1)
    throw Error("'conditional' needs a data set with labels, and this one has none: turn it off");
  return classes;
}

}  // namespace saddle::blocks
#pragma GCC visibility pop
