#include "minibatch.hpp"
#include "norms.hpp"

#include <cmath>
using namespace saddle;

// Fully connected networks, for points as well as pictures (flattened).
struct Mlp {
  static Description describe() {
    return {
        .name = "mlp",
        .doc =
            "Fully connected generator and discriminator for points and pictures, initialised as torch.nn "
            "initialises linear layers. Features: the last hidden layer.",
        .params =
            joined({param("width", 128).at_least(1).at_most(65536).doc("units of each hidden layer"),
                    param("depth", 3).at_least(1).at_most(1000).doc("hidden layers"),
                    param("activation", "relu").one_of({"relu", "leaky_relu"}).doc("leaky_relu: slope 0.2"),
                    param("output", "auto")
                        .one_of({"auto", "tanh", "linear"})
                        .doc("the generator's last step; auto: tanh for pictures, linear for points"),
                    param("batch_norm", false)
                        .doc("batch norm after every hidden linear layer of the role; in a discriminator it "
                             "makes gradient penalties meaningless"),
                    virtual_batch_norm_param()},
                   minibatch_params())};
  }
};

// The hidden layers: linear, perhaps a batch norm, activation.
class Hidden {
 public:
  Hidden(const Builder& b, int64_t inputs)
      : leaky_(b.get<std::string>("activation") == "leaky_relu"), reference_(b, {inputs}) {
    const auto width = b.get<int64_t>("width");
    for (int64_t i = 0; i < b.get<int64_t>("depth"); ++i) {
      const int64_t in = i == 0 ? inputs : width;
      const double bound = 1 / std::sqrt(static_cast<double>(in));
      // Biases from zero would put every kink of a first layer of 2-D points at the origin.
      layers_.emplace_back(b, "layer" + std::to_string(i), in, width,
                           nn::LayerOptions{.bias_init = init::uniform(-bound, bound)});
      norms_.emplace_back(b, "norm" + std::to_string(i), width, reference_);
    }
  }
  Tensor operator()(const Call& call, const Tensor& input) const {
    Tensor x = reference_.with(call, input);
    for (size_t i = 0; i < layers_.size(); ++i) {
      x = norms_[i](call, layers_[i](call, x));
      x = leaky_ ? leaky_relu(x, 0.2) : relu(x);
    }
    return reference_.without(x);
  }

 private:
  bool leaky_;
  Reference reference_;
  std::vector<nn::Linear> layers_;
  std::vector<BatchNormOption> norms_;
};

static int64_t product(const std::vector<int64_t>& shape) {
  int64_t n = 1;
  for (const int64_t s : shape) n *= s;
  return n;
}

class Generator {
 public:
  static Role role() { return {"generator", {"z"}, {"image"}}; }
  explicit Generator(const Builder& b)
      : hidden_(b, b.fact<int64_t>("latent_size")),
        output_(b, "output", b.get<int64_t>("width"), product(b.sample_shape())),
        shape_(b.sample_shape()) {
    no_minibatch(b);
    const auto output = b.get<std::string>("output");
    tanh_ = output == "tanh" || (output == "auto" && shape_.size() == 3);
    shape_.insert(shape_.begin(), -1);
  }
  Outputs forward(const Call& call) const {
    const Tensor x = reshape(output_(call, hidden_(call, call.input("z"))), shape_);
    return {{"image", tanh_ ? tanh(x) : x}};
  }

 private:
  Hidden hidden_;
  nn::Linear output_;
  std::vector<int64_t> shape_;
  bool tanh_;
};

class Discriminator {
 public:
  static Role role() { return {"discriminator", {"image"}, {"logit", "features"}}; }
  explicit Discriminator(const Builder& b)
      : hidden_(b, product(b.sample_shape())),
        minibatch_(b, b.get<int64_t>("width")),
        output_(b, "output", minibatch_.width(), 1) {
    if (b.get<std::string>("output") != "auto")
      throw Error("'output' is the generator's last step; a discriminator has none: leave it out");
  }
  Outputs forward(const Call& call) const {
    const Tensor features = hidden_(call, flatten(call.input("image"), 1));
    return {{"logit", output_(call, minibatch_(call, features))}, {"features", features}};
  }

 private:
  Hidden hidden_;
  Minibatch minibatch_;
  nn::Linear output_;
};

SADDLE_MODEL(Mlp, Generator, Discriminator)
