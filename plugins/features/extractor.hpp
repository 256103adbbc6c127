// What pretrained feature extractors share: where their weights come from, and layers that nobody trains.
#pragma once
#include <saddle/model.hpp>
#include <saddle/weights.hpp>

#include <cmath>
#include <optional>
#include <string>
#include <vector>

#pragma GCC visibility push(hidden)
namespace saddle::features {

inline Param weights_param(const std::string& source) {
  return param("weights", "")
      .doc("safetensors file of " + source +
           "; empty: the one in the data folder's extractors/. \"random\": an "
           "untrained network, whose features still tell pictures apart, but "
           "compare with no published number");
}
// Read by the host, which brings pictures to that form before it asks for their features.
inline Param size_param(int64_t side) {
  return param("size", static_cast<int>(side)).at_least(1).doc("side to which pictures are resized");
}
inline Param resize_param(const char* mode, const std::string& why) {
  return param("resize", mode)
      .one_of({"none", "legacy", "clean", "bilinear"})
      .doc(
          "how: legacy is TensorFlow 1's bilinear without half-pixel centres, clean antialiased bicubic "
          "as clean-fid's, bilinear PyTorch's without antialiasing. " +
          why);
}

// The tensors of a network: read from its file, or drawn.
class Pretrained {
 public:
  // `prefix`: what the names begin with in the checkpoint of a trial.
  Pretrained(const Builder& b, const std::string& name, const std::string& prefix = {})
      : builder_(b), file_(b.get<std::string>("weights")) {
    if (file_ == "random") return;
    if (file_.empty()) {
      if (!b.has_fact("data_folder"))
        throw Error("name its file of weights with \"weights\": there is no data folder");
      file_ = b.fact<std::string>("data_folder") + "/extractors/" + name + ".safetensors";
      try {
        weights_.emplace(file_);
      } catch (const Error& e) {
        throw Error(std::string(e.what()) + ". `./saddle fetch " + name +
                    "` puts the weights of a published network there; or name a file with \"weights\"");
      }
      return;
    }
    weights_.emplace(file_);
    for (const std::string& tensor : weights_->names())
      if (!prefix.empty() && tensor.starts_with(prefix)) prefix_ = prefix;
  }

  bool contains(const std::string& name) const { return weights_ && weights_->contains(prefix_ + name); }
  std::vector<int64_t> shape(const std::string& name) const {
    const Tensor t = (*weights_)[prefix_ + name];
    return {t.sizes().begin(), t.sizes().end()};
  }

  // `deviation`, `mean`: of the normal distribution that "random" draws from.
  BufferId operator()(const std::string& name, const IntList& shape, double deviation,
                      double mean = 0) const {
    if (!weights_)
      return builder_.buffer(name, deviation > 0 ? randn(shape) * deviation + mean : full(shape, mean));
    const Tensor t = (*weights_)[prefix_ + name];
    const std::vector<int64_t> found(t.sizes().begin(), t.sizes().end()),
        expected(shape.data(), shape.data() + shape.count());
    if (found != expected)
      throw Error(file_ + ": \"" + name + "\" is " + detail::text(found) + ", this network's is " +
                  detail::text(expected) + ": are these the weights of another one?");
    return builder_.buffer(name, t);
  }

 private:
  Builder builder_;
  std::string file_, prefix_;
  std::optional<Weights> weights_;
};

// y = x W^T + b.
struct Dense {
  Dense(const Pretrained& tensor, const std::string& name, int64_t in, int64_t out)
      : weight(tensor(name + ".weight", {out, in}, std::sqrt(1.0 / static_cast<double>(in)))),
        bias(tensor(name + ".bias", {out}, 0)) {}
  Tensor operator()(const Call& call, const Tensor& x) const { return linear(x, call[weight], call[bias]); }
  BufferId weight, bias;
};

// Batch norm with the statistics of training, whatever the pass is for.
struct FrozenNorm {
  FrozenNorm(const Pretrained& tensor, const std::string& name, int64_t channels, double epsilon)
      : eps(epsilon),
        weight(tensor(name + ".weight", {channels}, 0, 1)),
        bias(tensor(name + ".bias", {channels}, 0)),
        mean(tensor(name + ".running_mean", {channels}, 0)),
        var(tensor(name + ".running_var", {channels}, 0, 1)) {}
  Tensor operator()(const Call& call, const Tensor& x) const {
    return batch_norm(x, call[weight], call[bias], call[mean], call[var], false, 0, eps, true);
  }
  double eps;
  BufferId weight, bias, mean, var;
};

// The colours of a picture; a grey one is three times itself.
inline Tensor colours(const Call& call) {
  const Tensor x = call.input("image");
  if (x.dim() != 4 || (x.size(1) != 1 && x.size(1) != 3))
    throw Error("it takes pictures [count, 3 or 1, height, width]");
  return x.size(1) == 3 ? x : expand(x, {-1, 3, -1, -1});
}
template <class... T>
Tensor side_by_side(const T&... parts) {
  const Tensor list[] = {parts...};
  return cat(list, 1);
}
// Mean over the places of a map.
inline Tensor pooled(const Tensor& x) { return mean(x, {2, 3}); }
inline void check_pictures(const Builder& b, int64_t least) {
  const auto shape = b.sample_shape();
  if (shape.size() != 3 || (shape[0] != 1 && shape[0] != 3))
    throw Error("it takes pictures with 3 channels or 1");
  if (shape[1] < least || shape[2] < least)
    throw Error("it takes pictures of " + std::to_string(least) + " x " + std::to_string(least) + " or more");
}

// From [-1, 1] to (bytes - mean) / deviation.
inline Tensor normalised(const Tensor& x, double mean, double deviation) {
  return x * (127.5 / deviation) + (127.5 - mean) / deviation;
}
// The means and deviations of ImageNet's colours, as torchvision has them.
inline Tensor normalised_by_colour(const Tensor& x) {
  static constexpr double kMean[] = {0.485, 0.456, 0.406}, kDeviation[] = {0.229, 0.224, 0.225};
  const auto channel = [&](int64_t c) {
    return normalised(narrow(x, 1, c, 1), 255 * kMean[c], 255 * kDeviation[c]);
  };
  return side_by_side(channel(0), channel(1), channel(2));
}

}  // namespace saddle::features
#pragma GCC visibility pop
