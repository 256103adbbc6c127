// What a discriminator sees of the batch, as an option of several models.
#pragma once
#include <saddle/nn.hpp>

#pragma GCC visibility push(hidden)
namespace saddle {

inline std::vector<Param> minibatch_params() {
  return {
      param("minibatch", "none")
          .one_of({"none", "discrimination", "stddev"})
          .doc("what the discriminator's last layer sees of the other samples beside the features. "
               "discrimination: how near they are in `minibatch_kernels` learned measures (Salimans et al. "
               "2016, section 3.2). stddev: the mean deviation over the batch (Karras et al. 2018, section "
               "3). Real and fake count apart, also in a joint pass. Gradient penalties, which take samples "
               "one by one, are not meant for it"),
      param("minibatch_kernels", 100)
          .at_least(1)
          .at_most(65536)
          .doc("measures of discrimination (paper's code: 100; for ImageNet 300)"),
      param("minibatch_size", 5)
          .at_least(1)
          .at_most(65536)
          .doc("numbers in each (paper's code: 5; for ImageNet 50)")};
}

class Minibatch {
 public:
  // `features`: before it.
  Minibatch(const Builder& b, int64_t features, Norm norm = Norm::none) : width_(features) {
    const auto how = b.get<std::string>("minibatch");
    if (how == "none") return;
    if (how == "stddev") {
      stddev_ = true;
      ++width_;
    } else {
      const auto kernels = b.get<int64_t>("minibatch_kernels");
      near_.emplace(b, "minibatch", features, kernels, b.get<int64_t>("minibatch_size"), norm);
      width_ += kernels;
    }
    if (b.has_fact("pass") && b.fact<std::string>("pass") == "joint") joint_ = 2 * b.fact<int64_t>("batch");
  }
  // Features after it.
  int64_t width() const { return width_; }
  // x: [batch, features] -> [batch, width()]
  Tensor operator()(const Call& call, const Tensor& x) const {
    if (!stddev_ && !near_) return x;
    if (!call.training() || x.size(0) != joint_) return beside(call, x);
    const int64_t half = joint_ / 2;  // real, then fake
    return cat(
        std::vector<Tensor>{beside(call, narrow(x, 0, 0, half)), beside(call, narrow(x, 0, half, half))}, 0);
  }

 private:
  Tensor beside(const Call& call, const Tensor& x) const {
    return near_ ? (*near_)(call, x) : nn::minibatch_stddev(x);
  }

  int64_t width_, joint_ = 0;
  bool stddev_ = false;
  std::optional<nn::MinibatchDiscrimination> near_;
};

// Refuses the option in a generator.
inline void no_minibatch(const Builder& b) {
  if (b.get<std::string>("minibatch") != "none")
    throw Error("'minibatch' is the discriminator's; a generator has none: leave it out");
}

// Parameters of a model and those of its options.
inline std::vector<Param> joined(std::vector<Param> params, const std::vector<Param>& more) {
  params.insert(params.end(), more.begin(), more.end());
  return params;
}

}  // namespace saddle
#pragma GCC visibility pop
