#include "minibatch.hpp"
#include "pictures.hpp"
using namespace saddle;

// The networks with which Salimans et al. 2016 (arXiv:1606.03498, section 5; released code:
// openai/improved-gan, mnist_svhn_cifar10) learn from few labels: fully connected ones that know nothing of
// pictures, for MNIST, and convolutional ones for CIFAR10 and SVHN. All of the discriminator's weights are
// normalised by length; "init": "data" starts them as the paper's code does.
struct ImprovedGan {
  static Description describe() {
    return {.name = "improved_gan",
            .doc =
                "The networks of Salimans et al. 2016 for semi-supervised learning, with weight norm. Form "
                "mlp (MNIST, "
                "for points and pictures of any shape): the discriminator has hidden layers of 1000, 500, "
                "250, 250, "
                "250 units with Gaussian noise before each; the generator two of 500. Form conv (CIFAR10 "
                "with width "
                "96, SVHN with 64; square pictures whose side is a multiple of 4): nine convolutions with "
                "dropout; "
                "the generator is three transposed convolutions of 5 x 5. The discriminator gives a logit "
                "for each "
                "class; `logit` is their logsumexp, that of being real. Features: the last hidden layer. Set "
                "init to "
                "data, as the paper's code starts it.",
            .params = joined(
                {param("form", "mlp").one_of({"mlp", "conv"}).doc("fully connected, or convolutional"),
                 param("width", 0)
                     .at_least(0)
                     .at_most(65536)
                     .doc("of the first hidden layer of a discriminator, from which the others follow; units "
                          "of each "
                          "hidden layer of an mlp generator; channels next to the picture of a conv "
                          "generator. 0: the "
                          "paper's 1000, 500; 96, 128"),
                 param("input_noise", 0.6)
                     .at_least(0)
                     .doc("deviation of the Gaussian noise on the input of an mlp discriminator (code: 0.3 "
                          "for pixels "
                          "from 0 to 1, which are -1 to 1 here)"),
                 param("noise", 0.5).at_least(0).doc("of that on its hidden layers"),
                 param("input_dropout", 0.2).at_least(0).below(1).doc("of a conv discriminator's pixels"),
                 param("dropout", 0.5).at_least(0).below(1).doc("between its stages"),
                 param("output_start", 1.0)
                     .above(0)
                     .doc("with init data: the deviation that the last layer's outputs, logits or pixels "
                          "before tanh, start with (code: 0.1 in form conv, 1 in form mlp)")},
                minibatch_params())};
  }
};

namespace {

int64_t product(const std::vector<int64_t>& shape) {
  int64_t n = 1;
  for (const int64_t s : shape) n *= s;
  return n;
}

double output_start(const Builder& b) {
  const auto deviation = b.get<double>("output_start");
  if (deviation != 1 && !b.has_fact("data_init"))
    throw Error("'output_start' is for a network that starts from data: set init to data, or leave it out");
  return deviation;
}

int64_t width_or(const Builder& b, int64_t published) {
  const auto width = b.get<int64_t>("width");
  return width > 0 ? width : published;
}

bool is_conv(const Builder& b) {
  if (b.get<std::string>("form") != "conv") return false;
  const auto shape = b.sample_shape();
  if (halvings(shape) == 0)
    throw Error(
        "improved_gan's form conv needs square pictures whose side is a multiple of 4, from 8 up, not " +
        samples_of(shape) + ". Form mlp takes everything");
  return true;
}

// Linear, batch norm, softplus, twice; linear with weight norm, tanh.
class MlpGenerator {
 public:
  explicit MlpGenerator(const Builder& b) : MlpGenerator(b, width_or(b, 500)) {}
  Tensor operator()(const Call& call, const Tensor& z) const {
    const Tensor x = softplus(norm0_(call, layer0_(call, z)));
    return tanh(reshape(output_(call, softplus(norm1_(call, layer1_(call, x)))), shape_));
  }

 private:
  MlpGenerator(const Builder& b, int64_t width)
      : layer0_(b, "layer0", b.fact<int64_t>("latent_size"), width),
        layer1_(b, "layer1", width, width),
        output_(b, "output", width, product(b.sample_shape()),
                {.norm = Norm::weight, .start_deviation = output_start(b)}),
        norm0_(b, "norm0", width),
        norm1_(b, "norm1", width),
        shape_(b.sample_shape()) {
    shape_.insert(shape_.begin(), -1);
  }
  nn::Linear layer0_, layer1_, output_;
  nn::BatchNorm norm0_, norm1_;
  std::vector<int64_t> shape_;
};

// Linear, then transposed convolutions of 5 x 5, each doubling the side, with batch norm and ReLU but for the
// last, which has weight norm and tanh.
class ConvGenerator {
 public:
  explicit ConvGenerator(const Builder& b)
      : ConvGenerator(b, width_or(b, 128), halvings(b.sample_shape()), b.sample_shape()) {}
  Tensor operator()(const Call& call, const Tensor& z) const {
    Tensor x = relu(norms_[0](call, reshape(project_(call, z), {-1, channels_, side_, side_})));
    for (size_t i = 0; i + 1 < ups_.size(); ++i) x = relu(norms_[i + 1](call, ups_[i](call, x)));
    return tanh(ups_.back()(call, x));
  }

 private:
  ConvGenerator(const Builder& b, int64_t width, int doublings, const std::vector<int64_t>& shape)
      : side_(shape[1] >> doublings),
        channels_(width << (doublings - 1)),
        project_(b, "project", b.fact<int64_t>("latent_size"), channels_ * side_ * side_,
                 {.init = init::normal(0, 0.05)}) {
    norms_.emplace_back(b, "norm", channels_);
    for (int i = 0; i < doublings; ++i) {
      const bool last = i + 1 == doublings;
      const int64_t in = channels_ >> i, out = last ? shape[0] : in / 2;
      ups_.emplace_back(b, "up" + std::to_string(i), in, out, 5,
                        nn::ConvOptions{.stride = 2,
                                        .padding = 2,
                                        .init = init::normal(0, 0.05),
                                        .norm = last ? Norm::weight : Norm::none,
                                        .output_padding = 1,
                                        .start_deviation = last ? output_start(b) : 1});
      if (!last) norms_.emplace_back(b, "up" + std::to_string(i) + ".norm", out);
    }
  }
  int64_t side_, channels_;
  nn::Linear project_;
  std::vector<nn::ConvTranspose2d> ups_;
  std::vector<nn::BatchNorm> norms_;
};

// Hidden layers of 1, 1/2, 1/4, 1/4, 1/4 of the width, noise before each, ReLU after.
class MlpBody {
 public:
  explicit MlpBody(const Builder& b)
      : input_noise_(b.get<double>("input_noise")), noise_(b.get<double>("noise")) {
    const int64_t width = width_or(b, 1000);
    int64_t in = product(b.sample_shape());
    for (const int64_t part : {1, 2, 4, 4, 4}) {
      const int64_t out = std::max<int64_t>(1, width / part);
      layers_.emplace_back(b, "layer" + std::to_string(layers_.size()), in, out,
                           nn::LayerOptions{.norm = Norm::weight});
      in = out;
    }
    width_ = in;
  }
  int64_t width() const { return width_; }
  Tensor operator()(const Call& call, const Tensor& image) const {
    Tensor x = nn::gaussian_noise(call, flatten(image, 1), input_noise_);
    for (size_t i = 0; i < layers_.size(); ++i) {
      if (i > 0) x = nn::gaussian_noise(call, x, noise_);
      x = relu(layers_[i](call, x));
    }
    return x;
  }
  double noise() const { return noise_; }

 private:
  double input_noise_, noise_;
  int64_t width_ = 0;
  std::vector<nn::Linear> layers_;
};

// Three stages of three convolutions, leaky ReLU: the first two end with stride 2, the last has one of 3 x 3
// without padding (where the map is large enough) and two of 1 x 1, then the mean over places.
class ConvBody {
 public:
  explicit ConvBody(const Builder& b)
      : input_dropout_(b.get<double>("input_dropout")),
        dropout_(b.get<double>("dropout")),
        width_(2 * width_or(b, 96)) {
    const int64_t w = width_ / 2;
    const auto shape = b.sample_shape();
    const int64_t rim = shape[1] / 4 >= 4 ? 0 : 1;  // of the seventh
    struct {
      int64_t out, kernel, stride, padding;
    } table[] = {{w, 3, 1, 1},     {w, 3, 1, 1},       {w, 3, 2, 1},     {2 * w, 3, 1, 1}, {2 * w, 3, 1, 1},
                 {2 * w, 3, 2, 1}, {2 * w, 3, 1, rim}, {2 * w, 1, 1, 0}, {2 * w, 1, 1, 0}};
    int64_t in = shape[0];
    for (const auto& row : table) {
      layers_.emplace_back(b, "conv" + std::to_string(layers_.size()), in, row.out, row.kernel,
                           nn::ConvOptions{.stride = row.stride,
                                           .padding = row.padding,
                                           .init = init::normal(0, 0.05),
                                           .norm = Norm::weight});
      in = row.out;
    }
  }
  int64_t width() const { return width_; }
  Tensor operator()(const Call& call, const Tensor& image) const {
    Tensor x = dropout(image, input_dropout_, call.training());
    for (size_t i = 0; i < layers_.size(); ++i) {
      if (i == 3 || i == 6) x = dropout(x, dropout_, call.training());
      x = leaky_relu(layers_[i](call, x), 0.2);
    }
    return mean(x, IntList{2, 3});
  }

 private:
  double input_dropout_, dropout_;
  int64_t width_;
  std::vector<nn::Conv2d> layers_;
};

int64_t class_count(const Builder& b) {
  const int64_t classes = b.has_fact("classes") ? b.fact<int64_t>("classes") : 0;
  if (classes < 2)
    throw Error("improved_gan's discriminator is a classifier: it needs a data set with classes");
  return classes;
}

}  // namespace

class Generator {
 public:
  static Role role() { return {"generator", {"z"}, {"image"}}; }
  explicit Generator(const Builder& b) {
    no_minibatch(b);
    if (is_conv(b))
      conv_.emplace(b);
    else
      mlp_.emplace(b);
  }
  Outputs forward(const Call& call) const {
    const Tensor z = call.input("z");
    return {{"image", conv_ ? (*conv_)(call, z) : (*mlp_)(call, z)}};
  }

 private:
  std::optional<MlpGenerator> mlp_;
  std::optional<ConvGenerator> conv_;
};

class Discriminator {
 public:
  static Role role() { return {"discriminator", {"image"}, {"logit", "logits", "features"}}; }
  explicit Discriminator(const Builder& b) {
    if (is_conv(b))
      conv_.emplace(b);
    else
      mlp_.emplace(b);
    minibatch_.emplace(b, conv_ ? conv_->width() : mlp_->width(), Norm::weight);
    output_.emplace(b, "output", minibatch_->width(), class_count(b),
                    nn::LayerOptions{.norm = Norm::weight, .start_deviation = output_start(b)});
  }
  Outputs forward(const Call& call) const {
    const Tensor image = call.input("image");
    const Tensor features = conv_ ? (*conv_)(call, image) : (*mlp_)(call, image);
    const Tensor seen = mlp_ ? nn::gaussian_noise(call, features, mlp_->noise()) : features;
    const Tensor logits = (*output_)(call, (*minibatch_)(call, seen));
    return {{"logit", logsumexp(logits, {1}, true)}, {"logits", logits}, {"features", features}};
  }

 private:
  std::optional<MlpBody> mlp_;
  std::optional<ConvBody> conv_;
  std::optional<Minibatch> minibatch_;
  std::optional<nn::Linear> output_;
};

SADDLE_MODEL(ImprovedGan, Generator, Discriminator)
