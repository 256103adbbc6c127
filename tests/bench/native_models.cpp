// mlp and sngan as modules of LibTorch's C++ API, operator for operator what plugins/models has: the measure
// of what the boundary costs. (native_dcgan is bundled.)
#include <saddle/torch.hpp>
using namespace saddle;

namespace {

namespace tn = torch::nn;

int64_t product(const std::vector<int64_t>& shape) {
  int64_t n = 1;
  for (const int64_t s : shape) n *= s;
  return n;
}

struct MlpImpl : tn::Module {
  // Empty `picture`: a discriminator.
  MlpImpl(int64_t in, int64_t width, int64_t out, std::vector<int64_t> picture)
      : picture_(std::move(picture)) {
    for (int64_t i = 0; i < 3; ++i)
      layers_.push_back(register_module("layer" + std::to_string(i), tn::Linear(i == 0 ? in : width, width)));
    output_ = register_module("output", tn::Linear(width, out));
  }
  std::vector<torch::Tensor> forward(torch::Tensor x) {
    if (picture_.empty()) x = torch::flatten(x, 1);
    for (auto& layer : layers_) x = torch::relu(layer(x));
    if (picture_.empty()) return {output_(x), x};
    return {torch::tanh(output_(x).reshape(picture_))};
  }
  std::vector<int64_t> picture_;
  std::vector<tn::Linear> layers_;
  tn::Linear output_{nullptr};
};

tn::Conv2d conv(int64_t in, int64_t out, int64_t kernel) {
  return tn::Conv2d(tn::Conv2dOptions(in, out, kernel).padding(kernel / 2));
}

struct UpImpl : tn::Module {
  UpImpl(int64_t in, int64_t out)
      : norm1(register_module("norm1", tn::BatchNorm2d(in))),
        norm2(register_module("norm2", tn::BatchNorm2d(out))),
        conv1(register_module("conv1", conv(in, out, 3))),
        conv2(register_module("conv2", conv(out, out, 3))),
        shortcut(register_module("shortcut", conv(in, out, 1))) {}
  static torch::Tensor up(const torch::Tensor& x) {
    return torch::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)});
  }
  torch::Tensor forward(const torch::Tensor& x) {
    const torch::Tensor h = conv1(up(torch::relu(norm1(x))));
    return conv2(torch::relu(norm2(h))) + up(shortcut(x));
  }
  tn::BatchNorm2d norm1, norm2;
  tn::Conv2d conv1, conv2, shortcut;
};

int halvings(int64_t side) {
  int n = 0;
  for (; side % 2 == 0 && side >= 8; side /= 2) ++n;
  return n;
}

struct SnganGeneratorImpl : tn::Module {
  SnganGeneratorImpl(int64_t latent, int64_t width, const std::vector<int64_t>& shape)
      : width_(width), side_(shape[1] >> halvings(shape[1])) {
    project_ = register_module("project", tn::Linear(latent, width * side_ * side_));
    norm_ = register_module("norm", tn::BatchNorm2d(width));
    picture_ = register_module("picture", conv(width, shape[0], 3));
    for (int i = 0; i < halvings(shape[1]); ++i)
      blocks_.push_back(register_module("block" + std::to_string(i), std::make_shared<UpImpl>(width, width)));
  }
  torch::Tensor forward(const torch::Tensor& z) {
    torch::Tensor x = project_(z).reshape({-1, width_, side_, side_});
    for (const auto& block : blocks_) x = block->forward(x);
    return torch::tanh(picture_(torch::relu(norm_(x))));
  }
  int64_t width_, side_;
  tn::Linear project_{nullptr};
  tn::BatchNorm2d norm_{nullptr};
  tn::Conv2d picture_{nullptr};
  std::vector<std::shared_ptr<UpImpl>> blocks_;
};

struct DownImpl : tn::Module {
  DownImpl(int64_t in, int64_t width, bool first, bool down)
      : first_(first),
        down_(down),
        conv1(register_module("conv1", conv(in, width, 3))),
        conv2(register_module("conv2", conv(width, width, 3))) {
    if (down || in != width) shortcut = register_module("shortcut", conv(in, width, 1));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    const torch::Tensor h = conv2(torch::relu(conv1(first_ ? x : torch::relu(x))));
    const torch::Tensor shorter = down_ ? torch::avg_pool2d(x, 2) : x;
    return (down_ ? torch::avg_pool2d(h, 2) : h) + (shortcut ? shortcut(shorter) : shorter);
  }
  bool first_, down_;
  tn::Conv2d conv1, conv2, shortcut{nullptr};
};

struct SnganDiscriminatorImpl : tn::Module {
  SnganDiscriminatorImpl(int64_t width, const std::vector<int64_t>& shape)
      : output_(register_module("output", tn::Linear(width, 1))) {
    const int downs = std::max(1, halvings(shape[1]) - 1);
    for (int i = 0; i < downs + 2; ++i)
      blocks_.push_back(
          register_module("block" + std::to_string(i),
                          std::make_shared<DownImpl>(i == 0 ? shape[0] : width, width, i == 0, i < downs)));
  }
  std::pair<torch::Tensor, torch::Tensor> forward(torch::Tensor x) {
    for (const auto& block : blocks_) x = block->forward(x);
    const torch::Tensor features = torch::relu(x).sum({2, 3});
    return {output_(features), features};
  }
  tn::Linear output_;
  std::vector<std::shared_ptr<DownImpl>> blocks_;
};

int64_t width(const Builder& b) { return b.get<int64_t>("width"); }
std::vector<int64_t> batch_of(std::vector<int64_t> shape) {
  shape.insert(shape.begin(), -1);
  return shape;
}
Role generator() { return {"generator", {"z"}, {"image"}}; }
Role discriminator() { return {"discriminator", {"image"}, {"logit", "features"}}; }

}  // namespace

struct NativeMlp {
  static Description describe() { return {.name = "native_mlp", .params = {param("width", 128)}}; }
};
struct MlpGenerator : TorchModel<MlpImpl> {
  static Role role() { return generator(); }
  explicit MlpGenerator(const Builder& b)
      : TorchModel(b, role(), b.fact<int64_t>("latent_size"), width(b), product(b.sample_shape()),
                   batch_of(b.sample_shape())) {}
};
struct MlpDiscriminator : TorchModel<MlpImpl> {
  static Role role() { return discriminator(); }
  explicit MlpDiscriminator(const Builder& b)
      : TorchModel(b, role(), product(b.sample_shape()), width(b), 1, std::vector<int64_t>()) {}
};
SADDLE_MODEL(NativeMlp, MlpGenerator, MlpDiscriminator)

struct NativeSngan {
  static Description describe() { return {.name = "native_sngan", .params = {param("width", 64)}}; }
};
struct SnganGenerator : TorchModel<SnganGeneratorImpl> {
  static Role role() { return generator(); }
  explicit SnganGenerator(const Builder& b)
      : TorchModel(b, role(), b.fact<int64_t>("latent_size"), width(b), b.sample_shape()) {}
};
struct SnganDiscriminator : TorchModel<SnganDiscriminatorImpl> {
  static Role role() { return discriminator(); }
  explicit SnganDiscriminator(const Builder& b)
      : TorchModel(b, role(), std::make_shared<SnganDiscriminatorImpl>(width(b), b.sample_shape()),
                   Norm::spectral) {}
};
SADDLE_MODEL(NativeSngan, SnganGenerator, SnganDiscriminator)
