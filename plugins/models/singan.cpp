#include "pictures.hpp"
using namespace saddle;

// SinGAN (Shaham et al. 2019, arXiv:1905.01164): a pyramid of small fully convolutional games on one picture.
// The coarsest scale makes a picture of noise; each other one, a refiner, adds detail to the enlarged picture
// of the scale below. Who refines whom, and at which side, the grid says.
struct SinGan {
  static Description describe() {
    return {
        .name = "singan",
        .version = "2",
        .doc =
            "One scale of SinGAN (Shaham et al. 2019): the coarsest in the role generator; the others in the "
            "role refiner, whose input image is linked to the scale below; patch discriminators. Five "
            "convolutions with batch norm, which in batches of one is instance norm while a scale is "
            "trained; scales below are run, and samples drawn, with its running statistics, as in the "
            "released code "
            "(\"resting\": \"evaluation\"). A scale takes its noise, a number for each place, out of z: "
            "train.latent.size is the sum of the squared sides. The discriminator's `map`: what its last "
            "convolution is given, [n, channels, side, side]; features: that averaged over places. Losses: "
            "wasserstein, gradient_penalty over places, fixed_noise.",
        .params = {
            param("width", 32).at_least(1).at_most(65536).doc("channels"),
            param("layers", 5).at_least(2).at_most(64).doc("convolutions"),
            param("offset", 0)
                .at_least(0)
                .doc(
                    "where in z this scale's noise begins: the sum of the squared sides of the coarser ones"),
            param("noise", 0.1)
                .at_least(0)
                .doc("refiner: the noise's deviation, times the error that is measured"),
            param("measured", true)
                .doc("refiner: the deviation is noise times the root mean square error of the enlarged "
                     "picture that the scale below makes of fixed_noise's z, measured in the first update in "
                     "which fixed_noise speaks to it and kept (noise itself until then); false: it is "
                     "noise")}};
  }
};

// The sides of the pictures, and convolutions between the first and the last.
class Layers {
 public:
  Layers(const Builder& b, int64_t out) {
    const auto shape = b.sample_shape();
    if (shape.size() != 3 || shape[1] != shape[2] || shape[1] < 4)
      throw Error("singan needs square pictures with a side of 4 or more, not " + samples_of(shape));
    picture_ = shape[0];
    side_ = shape[1];
    const auto width = b.get<int64_t>("width"), count = b.get<int64_t>("layers");
    for (int64_t i = 0; i < count; ++i) {
      const bool last = i + 1 == count;
      convolutions_.emplace_back(b, "conv" + std::to_string(i), i == 0 ? picture_ : width, last ? out : width,
                                 3,
                                 nn::ConvOptions{.padding = 1, .bias = last, .init = init::normal(0, 0.02)});
      if (last) break;
      norms_.emplace_back(b, "norm" + std::to_string(i), width,
                          nn::BatchNormOptions{.gain = init::normal(1, 0.02)});
    }
  }
  int64_t picture() const { return picture_; }
  int64_t side() const { return side_; }
  // What the last convolution is given.
  Tensor hidden(const Call& c, Tensor x) const {
    for (size_t i = 0; i < norms_.size(); ++i) x = leaky_relu(norms_[i](c, convolutions_[i](c, x)), 0.2);
    return x;
  }
  Tensor last(const Call& c, const Tensor& x) const { return convolutions_.back()(c, x); }
  Tensor operator()(const Call& c, const Tensor& x) const { return last(c, hidden(c, x)); }

 private:
  int64_t picture_ = 0, side_ = 0;
  std::vector<nn::Conv2d> convolutions_;
  std::vector<nn::BatchNorm> norms_;
};

int64_t pictures_of(const Builder& b) { return b.sample_shape().at(0); }

// A scale's part of z as a map: [n, 1, side, side]. A z that is too short begins again.
class Noise {
 public:
  Noise(const Builder& b, int64_t side) : offset_(b.get<int64_t>("offset")), side_(side) {}
  Tensor operator()(const Tensor& z) const {
    const int64_t places = side_ * side_, size = z.size(1), first = offset_ % size;
    Tensor noise = z;
    if (first + places <= size) {
      noise = narrow(z, 1, first, places);
    } else {
      const int64_t times = (first + places + size - 1) / size;
      noise = narrow(repeat(z, {1, times}), 1, first, places);
    }
    return reshape(noise, {z.size(0), 1, side_, side_});
  }

 private:
  int64_t offset_, side_;
};

class Generator {
 public:
  static Role role() { return {"generator", {"z"}, {"image"}}; }
  explicit Generator(const Builder& b) : layers_(b, pictures_of(b)), noise_(b, layers_.side()) {}
  Outputs forward(const Call& c) const {
    const Tensor z = c.input("z");
    const Tensor noise = expand(noise_(z), {z.size(0), layers_.picture(), layers_.side(), layers_.side()});
    return {{"image", tanh(layers_(c, noise))}};
  }

 private:
  Layers layers_;
  Noise noise_;
};

// The noise's deviation. The paper's is 0.1 times the error of the picture that this scale begins with, made
// of the fixed z, measured when its training begins; fixed_noise alone has that z, and gives the real picture
// with it.
class Deviation {
 public:
  explicit Deviation(const Builder& b) : noise_(b.get<double>("noise")) {
    if (b.get<bool>("measured")) error_ = b.buffer("error", {1}, 0);  // 0: not yet
  }
  Tensor of(const Call& c, const Tensor& noise, const Tensor& below) const {
    if (!error_) return noise * noise_;
    const Tensor& kept = c[*error_];
    const Tensor known = gt(kept, 0);
    const Tensor real = c.training() ? c.find("real") : Tensor();
    // Scales below are given what this one is given.
    if (!real || real.size(-1) != below.size(-1))
      return noise * (where(known, kept, ones_like(kept)) * noise_);
    const Tensor error = where(known, kept, sqrt(mse_loss(below, real)));
    copy_(kept, detach(error));
    return noise * (error * noise_);
  }

 private:
  double noise_;
  std::optional<BufferId> error_;
};

class Refiner {
 public:
  static Role role() { return {"refiner", {"z", "image", "real"}, {"image"}}; }
  explicit Refiner(const Builder& b) : layers_(b, pictures_of(b)), noise_(b, layers_.side()), deviation_(b) {}
  Outputs forward(const Call& c) const {
    const int64_t side = layers_.side();
    const Tensor below = upsample_bilinear2d(c.input("image"), {side, side}, false);
    const Tensor noise = deviation_.of(c, noise_(c.input("z")), below);
    return {{"image", below + tanh(layers_(c, below + noise))}};
  }

 private:
  Layers layers_;
  Noise noise_;
  Deviation deviation_;
};

class Discriminator {
 public:
  static Role role() { return {"discriminator", {"image"}, {"logit", "features", "map"}}; }
  explicit Discriminator(const Builder& b) : layers_(b, 1) {}
  // logit: of every patch, [n, places]; features: averaged over places; map: before that.
  Outputs forward(const Call& c) const {
    const Tensor hidden = layers_.hidden(c, c.input("image"));
    return {{"logit", flatten(layers_.last(c, hidden), 1)},
            {"features", mean(hidden, IntList{2, 3})},
            {"map", hidden}};
  }

 private:
  Layers layers_;
};

SADDLE_MODEL(SinGan, Generator, Refiner, Discriminator)
