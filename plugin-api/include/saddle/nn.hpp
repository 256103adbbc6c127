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
  double start_deviation = 1;  // of the outputs, where the layer starts from data
};

// Data-dependent initialisation (Salimans and Kingma 2016, arXiv:1602.07868, section 3), where the grid asks
// for it ("init": "data"): in the first pass a layer's weight is divided by the deviation of its outputs on
// that batch, and its bias moved, so that they get mean 0 and this deviation in each channel: 1, and in the
// last layer of some networks less.
class StartFromData {
 public:
  explicit StartFromData(const Builder& b, double deviation = 1)
      : deviation_(deviation), on_(b.has_fact("data_init")) {
    if (on_) b.ask_for_first_pass();
  }
  // y: what the layer gives, channels in dimension `channel`; weight: outputs in dimension `out`.
  Tensor operator()(const Call& call, const Tensor& y, int64_t channel, ParamId weight, int64_t out,
                    const std::optional<ParamId>& bias) const {
    if (!on_ || !call.first()) return y;
    const Tensor rows = flatten(transpose(y, 0, channel), 1);  // [channels, everything else]
    const Tensor middle = bias ? mean(rows, 1) : zeros_like(mean(rows, 1));
    const Tensor size = sqrt(mean(square(rows - mean(rows, 1, true)), 1) + 1e-8) / deviation_;
    call.set(weight, call[weight] / along(size, call[weight].dim(), out));
    if (bias) call.set(*bias, (call[*bias] - middle) / size);
    const int64_t dims = y.dim();
    return (y - along(middle, dims, channel)) / along(size, dims, channel);
  }

 private:
  // A vector, to be broadcast with `dims` dimensions of which it is number `d`.
  static Tensor along(const Tensor& v, int64_t dims, int64_t d) {
    std::vector<int64_t> shape(static_cast<size_t>(dims), 1);
    shape[static_cast<size_t>(d < 0 ? d + dims : d)] = v.numel();
    return reshape(v, shape);
  }
  double deviation_;
  bool on_;
};

// y = x W^T + b; x: [..., in], y: [..., out].
class Linear {
 public:
  Linear(const Builder& b, std::string_view name, int64_t in, int64_t out, const LayerOptions& o = {})
      : start_(b, o.start_deviation) {
    const Builder s = b.scope(name);
    weight_ = s.parameter("weight", {out, in}, {Layout::linear, o.init, o.norm});
    if (o.bias) bias_ = s.parameter("bias", {out}, {Layout::other, o.bias_init});
  }
  Tensor operator()(const Call& call, const Tensor& x) const {
    const Tensor y = linear(x, call[weight_], bias_ ? call[*bias_] : detail::empty);
    return start_(call, y, -1, weight_, 0, bias_);
  }

 private:
  StartFromData start_;
  ParamId weight_;
  std::optional<ParamId> bias_;
};

struct ConvOptions {
  int64_t stride = 1;
  int64_t padding = 0;
  bool bias = true;
  Init init = saddle::init::he_uniform(0.5773502691896258);
  Norm norm = Norm::none;
  int64_t output_padding = 0;  // of a transposed one: rows and columns more
  double start_deviation = 1;  // of the outputs, where the layer starts from data
};

// Square kernels; x: [batch, in, height, width].
class Conv2d {
 public:
  Conv2d(const Builder& b, std::string_view name, int64_t in, int64_t out, int64_t kernel,
         const ConvOptions& o = {})
      : start_(b, o.start_deviation), stride_(o.stride), padding_(o.padding) {
    const Builder s = b.scope(name);
    weight_ = s.parameter("weight", {out, in, kernel, kernel}, {Layout::conv, o.init, o.norm});
    if (o.bias) bias_ = s.parameter("bias", {out});
  }
  Tensor operator()(const Call& call, const Tensor& x) const {
    const Tensor y = conv2d(x, call[weight_], bias_ ? call[*bias_] : detail::empty,
                            {.stride = stride_, .padding = padding_});
    return start_(call, y, 1, weight_, 0, bias_);
  }

 private:
  StartFromData start_;
  int64_t stride_, padding_;
  ParamId weight_;
  std::optional<ParamId> bias_;
};

// The transposed ("de-") convolution.
class ConvTranspose2d {
 public:
  ConvTranspose2d(const Builder& b, std::string_view name, int64_t in, int64_t out, int64_t kernel,
                  const ConvOptions& o = {})
      : start_(b, o.start_deviation),
        stride_(o.stride),
        padding_(o.padding),
        output_padding_(o.output_padding) {
    const Builder s = b.scope(name);
    weight_ = s.parameter("weight", {in, out, kernel, kernel}, {Layout::conv_transpose, o.init, o.norm});
    if (o.bias) bias_ = s.parameter("bias", {out});
  }
  Tensor operator()(const Call& call, const Tensor& x) const {
    const Tensor y =
        conv_transpose2d(x, call[weight_], bias_ ? call[*bias_] : detail::empty,
                         {.stride = stride_, .padding = padding_, .output_padding = output_padding_});
    return start_(call, y, 1, weight_, 1, bias_);
  }

 private:
  StartFromData start_;
  int64_t stride_, padding_, output_padding_;
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

// A batch that stays what it was in the first pass, for VirtualBatchNorm. It goes through the network in
// front of every other: `y = without(net(with(call, x)))`.
class ReferenceBatch {
 public:
  // `shape`: of one sample of the network's input. As many samples as a batch of the trial has.
  ReferenceBatch(const Builder& b, std::string_view name, const std::vector<int64_t>& shape)
      : count_(b.has_fact("batch") ? b.fact<int64_t>("batch") : 64) {
    std::vector<int64_t> whole = {count_};
    whole.insert(whole.end(), shape.begin(), shape.end());
    samples_ = b.buffer(name, whole, 0);
    b.ask_for_first_pass();
  }
  int64_t count() const { return count_; }
  Tensor with(const Call& call, const Tensor& x) const {
    if (call.first()) call.set(samples_, x);
    return cat(std::vector<Tensor>{call[samples_], x}, 0);
  }
  Tensor without(const Tensor& y) const { return narrow(y, 0, count_, y.size(0) - count_); }

 private:
  int64_t count_;
  BufferId samples_;
};

// Virtual batch normalisation (Salimans et al. 2016, arXiv:1606.03498, section 3.5, with the blend of its
// released code): the reference batch is normalised by its own mean and mean of squares; every other sample
// by those, in which it counts as one sample more: n / (n + 1) of the reference's plus 1 / (n + 1) of its
// own. So what comes of a sample does not depend on the rest of its batch. x: [n + batch, features, ...].
class VirtualBatchNorm {
 public:
  VirtualBatchNorm(const Builder& b, std::string_view name, int64_t features, const ReferenceBatch& reference,
                   const BatchNormOptions& o = {})
      : count_(reference.count()), eps_(o.eps) {
    const Builder s = b.scope(name);
    weight_ = s.parameter("weight", {features}, {Layout::other, o.gain});
    bias_ = s.parameter("bias", {features});
  }
  Tensor operator()(const Call& call, const Tensor& x) const {
    const int64_t total = x.size(0), features = x.size(1);
    const Tensor places = reshape(x, {total, features, -1});
    const Tensor first = mean(places, 2), second = mean(square(places), 2);  // of each sample
    const Tensor statistics = cat(std::vector<Tensor>{blend(first), blend(second)}, 2);
    const Tensor middle = narrow(statistics, 2, 0, 1), squares = narrow(statistics, 2, 1, 1);
    const Tensor normal = (places - middle) * rsqrt(relu(squares - square(middle)) + eps_);
    const Tensor y =
        normal * reshape(call[weight_], {1, features, 1}) + reshape(call[bias_], {1, features, 1});
    const auto shape = x.sizes();
    return reshape(y, std::vector<int64_t>(shape.begin(), shape.end()));
  }

 private:
  // [n + batch, features] of each sample -> [n + batch, features, 1] with which each is normalised.
  Tensor blend(const Tensor& of) const {
    const int64_t others = of.size(0) - count_;
    const Tensor reference = mean(narrow(of, 0, 0, count_), 0, true);
    const double share = 1.0 / static_cast<double>(count_ + 1);
    const Tensor own = narrow(of, 0, count_, others) * share + reference * (1 - share);
    return unsqueeze(cat(std::vector<Tensor>{reference * ones_like(narrow(of, 0, 0, count_)), own}, 0), 2);
  }

  int64_t count_;
  double eps_;
  ParamId weight_, bias_;
};

// Minibatch discrimination (Salimans et al. 2016, section 3.2): M_i = f(x_i) T, a matrix of `kernels` rows;
// o_i,b = sum over j of exp(-|M_i,b - M_j,b|_1) is how near the batch's other samples are, and is put beside
// the features. The sample itself, whose share is always 1, is left out, as in the released code.
// f: [batch, features] -> [batch, features + kernels].
class MinibatchDiscrimination {
 public:
  MinibatchDiscrimination(const Builder& b, std::string_view name, int64_t features, int64_t kernels,
                          int64_t size, Norm norm = Norm::none)
      : kernels_(kernels),
        size_(size),
        project_(b, name, features, kernels * size, {.bias = false, .norm = norm}) {}
  Tensor operator()(const Call& call, const Tensor& f) const {
    const Tensor m = reshape(project_(call, f), {-1, kernels_, size_});
    const Tensor distance = sum(abs(unsqueeze(m, 0) - unsqueeze(m, 1)), {3});  // [batch, batch, kernels]
    return cat(std::vector<Tensor>{f, sum(exp(-distance), {1}) - 1}, 1);
  }

 private:
  int64_t kernels_, size_;
  Linear project_;
};

// Minibatch standard deviation (Karras et al. 2018, arXiv:1710.10196, section 3): one more feature, the same
// for the whole batch, the mean over all features and places of their deviation over the batch. x: [batch,
// features, ...] -> [batch, features + 1, ...].
inline Tensor minibatch_stddev(const Tensor& x) {
  const Tensor deviation = sqrt(mean(square(x - mean(x, 0, true)), 0, true) + 1e-8);
  const Tensor value = mean(deviation) * ones_like(narrow(x, 1, 0, 1));
  return cat(std::vector<Tensor>{x, value}, 1);
}

// Noise of N(0, deviation^2) on everything, in training.
inline Tensor gaussian_noise(const Call& call, const Tensor& x, double deviation) {
  return call.training() && deviation > 0 ? x + deviation * randn_like(x) : x;
}

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
