// Layers: each declares its tensors in the constructor and is called with the pass and its input.
#pragma once
#include <saddle/model.hpp>

#pragma GCC visibility push(hidden)
namespace saddle::nn {

struct LayerOptions {
  bool bias = true;
  Init init =
      saddle::init::he_uniform(0.5773502691896258);  // +- 1 / sqrt(fan-in), as torch.nn's layers start
  Norm norm = Norm::none;
  Init bias_init = saddle::init::zeros();
};

// y = x W^T + b; x: [..., in], y: [..., out].
class Linear {
 public:
  Linear(const Builder& b, std::string_view name, int64_t in, int64_t out, const LayerOptions& o = {}) {
    const Builder s = b.scope(name);
    weight_ = s.parameter("weight", {out, in}, {Layout::linear, o.init, o.norm});
    if (o.bias) bias_ = s.parameter("bias", {out}, {Layout::other, o.bias_init});
  }
  Tensor operator()(const Call& call, const Tensor& x) const {
    return linear(x, call[weight_], bias_ ? call[*bias_] : detail::empty);
  }

 private:
  ParamId weight_;
  std::optional<ParamId> bias_;
};

struct ConvOptions {
  int64_t stride = 1;
  int64_t padding = 0;
  bool bias = true;
  Init init = saddle::init::he_uniform(0.5773502691896258);
  Norm norm = Norm::none;
};

// Square kernels; x: [batch, in, height, width].
class Conv2d {
 public:
  Conv2d(const Builder& b, std::string_view name, int64_t in, int64_t out, int64_t kernel,
         const ConvOptions& o = {})
      : stride_(o.stride), padding_(o.padding) {
    const Builder s = b.scope(name);
    weight_ = s.parameter("weight", {out, in, kernel, kernel}, {Layout::conv, o.init, o.norm});
    if (o.bias) bias_ = s.parameter("bias", {out});
  }
  Tensor operator()(const Call& call, const Tensor& x) const {
    return conv2d(x, call[weight_], bias_ ? call[*bias_] : detail::empty,
                  {.stride = stride_, .padding = padding_});
  }

 private:
  int64_t stride_, padding_;
  ParamId weight_;
  std::optional<ParamId> bias_;
};

// The transposed ("de-") convolution.
class ConvTranspose2d {
 public:
  ConvTranspose2d(const Builder& b, std::string_view name, int64_t in, int64_t out, int64_t kernel,
                  const ConvOptions& o = {})
      : stride_(o.stride), padding_(o.padding) {
    const Builder s = b.scope(name);
    weight_ = s.parameter("weight", {in, out, kernel, kernel}, {Layout::conv_transpose, o.init, o.norm});
    if (o.bias) bias_ = s.parameter("bias", {out});
  }
  Tensor operator()(const Call& call, const Tensor& x) const {
    return conv_transpose2d(x, call[weight_], bias_ ? call[*bias_] : detail::empty,
                            {.stride = stride_, .padding = padding_});
  }

 private:
  int64_t stride_, padding_;
  ParamId weight_;
  std::optional<ParamId> bias_;
};

struct BatchNormOptions {
  double eps = 1e-5;
  double momentum = 0.1;
  Init gain = saddle::init::constant(1);
};

// Batch normalisation over all but the second dimension (Ioffe and Szegedy 2015); x: [batch, features, ...].
class BatchNorm {
 public:
  BatchNorm(const Builder& b, std::string_view name, int64_t features, const BatchNormOptions& o = {})
      : eps_(o.eps), momentum_(o.momentum) {
    const Builder s = b.scope(name);
    weight_ = s.parameter("weight", {features}, {Layout::other, o.gain});
    bias_ = s.parameter("bias", {features});
    mean_ = s.buffer("running_mean", {features}, 0);
    var_ = s.buffer("running_var", {features}, 1);
  }
  Tensor operator()(const Call& call, const Tensor& x) const {
    return batch_norm(x, call[weight_], call[bias_], call[mean_], call[var_], call.training(), momentum_,
                      eps_, true);
  }

 private:
  double eps_, momentum_;
  ParamId weight_, bias_;
  BufferId mean_, var_;
};

// Rows of a table; x: [batch] int64, y: [batch, features].
class Embedding {
 public:
  Embedding(const Builder& b, std::string_view name, int64_t count, int64_t features,
            const ParamOptions& o = {Layout::embedding, saddle::init::normal(0, 1)}) {
    weight_ = b.scope(name).parameter("weight", {count, features}, o);
  }
  Tensor operator()(const Call& call, const Tensor& x) const { return embedding(call[weight_], x); }

 private:
  ParamId weight_;
};

// Twice the size by repeating pixels; x: [batch, channels, height, width].
inline Tensor upsample_nearest(const Tensor& x) {
  return upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)});
}

}  // namespace saddle::nn
#pragma GCC visibility pop
