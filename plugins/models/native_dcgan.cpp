#include <saddle/torch.hpp>

#include "pictures.hpp"
using namespace saddle;

// The networks of dcgan.cpp as LibTorch's own modules: an example of the native tier, and its measure.
namespace {

struct Shape {
  int64_t channels, width, latent;
  int stages;
  bool batch_norm;
  double slope;
};

// A (transposed) convolution, perhaps batch norm, activation.
template <class Convolution>
struct StageImpl : Convolution {
  template <class Options>
  StageImpl(const Options& options, int64_t out, const Shape& shape)
      : Convolution(options), slope_(shape.slope) {
    if (shape.batch_norm)
      norm_ =
          this->register_module("norm", torch::nn::BatchNorm2d(torch::nn::BatchNorm2dOptions(out).eps(1e-4)));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    torch::Tensor y = Convolution::forward(x);
    if (norm_) y = norm_(y);
    return slope_ == 0 ? torch::relu(y) : torch::leaky_relu(y, slope_);
  }

 private:
  double slope_;
  torch::nn::BatchNorm2d norm_{nullptr};
};
using Up = StageImpl<torch::nn::ConvTranspose2dImpl>;
using Down = StageImpl<torch::nn::Conv2dImpl>;

void initialise(const torch::nn::Module& module) {
  const torch::NoGradGuard no_grad;
  for (const auto& p : module.named_parameters())
    if (p.value().dim() > 1)
      torch::nn::init::orthogonal_(p.value());
    else if (p.key().ends_with("bias"))
      p.value().zero_();
}

struct GeneratorImpl : torch::nn::Module {
  explicit GeneratorImpl(const Shape& s)
      : top_(s.width << s.stages),
        project_(register_module("project", torch::nn::Linear(s.latent, top_ * 16))),
        picture_(register_module(
            "picture", torch::nn::Conv2d(torch::nn::Conv2dOptions(s.width, s.channels, 3).padding(1)))) {
    for (int i = 0; i < s.stages; ++i) {
      const torch::nn::ConvTranspose2dOptions options(top_ >> i, top_ >> (i + 1), 4);
      ups_.push_back(register_module(
          "up" + std::to_string(i),
          std::make_shared<Up>(torch::nn::ConvTranspose2dOptions(options).stride(2).padding(1),
                               top_ >> (i + 1), s)));
    }
    initialise(*this);
  }
  torch::Tensor forward(const torch::Tensor& z) {
    torch::Tensor x = project_(z).view({-1, top_, 4, 4});
    for (const auto& up : ups_) x = up->forward(x);
    return torch::tanh(picture_(x));
  }

 private:
  int64_t top_;  // channels at 4 x 4
  torch::nn::Linear project_;
  torch::nn::Conv2d picture_;
  std::vector<std::shared_ptr<Up>> ups_;
};

struct DiscriminatorImpl : torch::nn::Module {
  explicit DiscriminatorImpl(const Shape& s)
      : output_(register_module("output", torch::nn::Linear(s.width << s.stages, 1))) {
    int64_t in = s.channels;
    for (int i = 0; i < s.stages; ++i) {
      const int64_t out = s.width << i;
      add("conv" + std::to_string(i), torch::nn::Conv2dOptions(in, out, 3).padding(1), s);
      add("down" + std::to_string(i), torch::nn::Conv2dOptions(out, out, 4).stride(2).padding(1), s);
      in = out;
    }
    add("last", torch::nn::Conv2dOptions(in, 2 * in, 3).padding(1), s);
    initialise(*this);
  }
  std::tuple<torch::Tensor, torch::Tensor, torch::Tensor> forward(torch::Tensor x) {
    for (const auto& stage : stages_) x = stage->forward(x);
    const torch::Tensor features = x.sum({2, 3});
    return {output_(features), features, x};
  }

 private:
  void add(const std::string& name, const torch::nn::Conv2dOptions& options, const Shape& s) {
    stages_.push_back(register_module(name, std::make_shared<Down>(options, options.out_channels(), s)));
  }
  torch::nn::Linear output_;
  std::vector<std::shared_ptr<Down>> stages_;
};

Shape shape_of(const Builder& b) {
  const auto sample = b.sample_shape();
  const int stages = halvings(sample);
  if (stages == 0 || sample[1] >> stages != 4)
    throw Error("native_dcgan needs square pictures whose side is 8, 16, 32, 64 ..., not " +
                samples_of(sample));
  return {.channels = sample[0],
          .width = b.get<int64_t>("width"),
          .latent = b.role() == "generator" ? b.fact<int64_t>("latent_size") : 0,
          .stages = stages,
          .batch_norm = b.get<bool>("batch_norm"),
          .slope = b.get<double>("slope")};
}

}  // namespace

struct NativeDcgan {
  static Description describe() {
    return {.name = "native_dcgan",
            .doc = "dcgan as modules of LibTorch's C++ API: the example of the native tier.",
            .params = {param("width", 64)
                           .at_least(1)
                           .at_most(65536)
                           .doc("channels of the stage next to the picture; they double with each halving of "
                                "the side"),
                       param("batch_norm", true)
                           .doc("batch norm after every (transposed) convolution of the role but a "
                                "generator's last"),
                       param("slope", 0.0).at_least(0).doc("negative slope of the activations; 0 is ReLU")}};
  }
};

struct Generator : TorchModel<GeneratorImpl> {
  static Role role() { return {"generator", {"z"}, {"image"}}; }
  explicit Generator(const Builder& b) : TorchModel(b, role(), shape_of(b)) {}
};

struct Discriminator : TorchModel<DiscriminatorImpl> {
  static Role role() { return {"discriminator", {"image"}, {"logit", "features", "map"}}; }
  explicit Discriminator(const Builder& b) : TorchModel(b, role(), shape_of(b)) {}
};

SADDLE_MODEL(NativeDcgan, Generator, Discriminator)
