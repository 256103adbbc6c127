// Modules of LibTorch's C++ API, for torch_test.cpp.
#include <saddle/torch.hpp>

namespace nn = torch::nn;

struct Holder : nn::Module {};

// One of each kind of tensor that a module may have.
struct ZooImpl : nn::Module {
  explicit ZooImpl(int64_t width) {
    linear = register_module("linear", nn::Linear(3, width));
    conv = register_module("conv", nn::Conv2d(nn::Conv2dOptions(1, 2, 3).bias(false)));
    up = register_module("up", nn::ConvTranspose2d(2, 3, 2));
    table = register_module("table", nn::Embedding(5, 3));
    norm = register_module("norm", nn::BatchNorm1d(width));
    register_module("tied", std::make_shared<Holder>())->register_parameter("weight", linear->weight);
    gain = register_parameter("gain", torch::full({2, 2}, 0.5));
    frozen = register_parameter("frozen", torch::full({1}, 3.0), /*requires_grad=*/false);
    mode = register_buffer("mode", torch::tensor(7));
  }
  std::tuple<torch::Tensor, torch::Tensor> forward(const torch::Tensor& x, const torch::Tensor& label) {
    torch::Tensor y = norm(linear(x)) * frozen + gain.sum();
    if (label.defined()) y = y + table(label).sum(1, true);
    return {y, is_training() ? torch::Tensor() : y * 2};
  }
  nn::Linear linear{nullptr};
  nn::Conv2d conv{nullptr};
  nn::ConvTranspose2d up{nullptr};
  nn::Embedding table{nullptr};
  nn::BatchNorm1d norm{nullptr};
  torch::Tensor gain, frozen, mode;
};

struct Zoo {
  static saddle::Description describe() { return {.name = "zoo", .params = {saddle::param("width", 4)}}; }
};
struct ZooRole : saddle::TorchModel<ZooImpl> {
  static saddle::Role role() { return {"discriminator", {"image", "label"}, {"logit", "features"}}; }
  explicit ZooRole(const saddle::Builder& b) : TorchModel(b, role(), b.get<int64_t>("width")) {}
};
SADDLE_MODEL(Zoo, ZooRole)

struct LineImpl : nn::Module {
  LineImpl() : line(register_module("line", nn::Linear(3, 1))) {}
  torch::Tensor forward(const torch::Tensor& x) { return line(x); }
  nn::Linear line;
};
// Two modules in one role, with a formula between them, under names of its own; spectral norm unless told
// otherwise.
struct Pair {
  static saddle::Description describe() { return {.name = "pair"}; }
};
struct PairRole {
  static saddle::Role role() { return {"discriminator", {"image"}, {"logit"}}; }
  explicit PairRole(const saddle::Builder& b)
      : a(b.scope("a"), std::make_shared<LineImpl>(), saddle::Norm::spectral), b(b.scope("b")) {}
  saddle::Outputs forward(const saddle::Call& call) const {
    const saddle::Tensor x = call.input("image");
    const saddle::Tensor y = b(call, x);
    return {{"logit", saddle::from_torch(saddle::to_torch(a(call, x)) + saddle::to_torch(y))}};
  }
  saddle::TorchModule<LineImpl> a, b;
};
SADDLE_MODEL(Pair, PairRole)

// Keeps a module, too.
struct Proxy {
  static saddle::Description describe() { return {.name = "proxy"}; }
  explicit Proxy(const saddle::Builder& b) : line(b) {}
  saddle::Terms discriminator(saddle::Step& s) const {
    return {{"line", saddle::with_torch([](const torch::Tensor& t) { return t.mean(); },
                                        line(s, s.input("real.image")))}};
  }
  saddle::TorchModule<LineImpl> line;
};
SADDLE_LOSS(Proxy)
