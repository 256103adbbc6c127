#include <saddle/nn.hpp>
using namespace saddle;

// One hidden layer, for points and pictures. A model is pure architecture: it declares its tensors in the
// constructor and asks each call for them; the host initialises, normalises, trains and saves them.
struct TemplateType {
  static Description describe() {
    return {.name = "template_name",
            .version = "1",  // raise it when results change: it is part of a trial's identity
            .doc = "Generator and discriminator of one hidden layer.",
            .params = {param("width", 64).at_least(1).at_most(65536).doc("units of the hidden layer")}};
  }
};

namespace {

int64_t numbers_of(const std::vector<int64_t>& shape) {
  int64_t n = 1;
  for (const int64_t size : shape) n *= size;
  return n;
}

class Generator {
 public:
  static Role role() { return {"generator", {"z"}, {"image"}}; }
  explicit Generator(const Builder& b)
      : hidden_(b, "hidden", b.fact<int64_t>("latent_size"), b.get<int64_t>("width")),
        output_(b, "output", b.get<int64_t>("width"), numbers_of(b.sample_shape())),
        shape_(b.sample_shape()) {
    pictures_ = shape_.size() == 3;
    shape_.insert(shape_.begin(), -1);
  }
  Outputs forward(const Call& call) const {
    const Tensor x = reshape(output_(call, relu(hidden_(call, call.input("z")))), shape_);
    return {{"image", pictures_ ? tanh(x) : x}};
  }

 private:
  nn::Linear hidden_, output_;
  std::vector<int64_t> shape_;
  bool pictures_;
};

class Discriminator {
 public:
  static Role role() { return {"discriminator", {"image"}, {"logit", "features"}}; }
  explicit Discriminator(const Builder& b)
      : hidden_(b, "hidden", numbers_of(b.sample_shape()), b.get<int64_t>("width")),
        output_(b, "output", b.get<int64_t>("width"), 1) {}
  Outputs forward(const Call& call) const {
    const Tensor features = leaky_relu(hidden_(call, flatten(call.input("image"), 1)), 0.2);
    return {{"logit", output_(call, features)}, {"features", features}};
  }

 private:
  nn::Linear hidden_, output_;
};

}  // namespace

SADDLE_MODEL(TemplateType, Generator, Discriminator)
