#include "extractor.hpp"
#include <saddle/nn.hpp>
using namespace saddle;
using namespace saddle::features;

// A plain convolutional classifier: 3 x 3 convolutions with batch norm and ReLU, two at each size, the second
// of them halving it, until the side is 2 or less (after Springenberg et al. 2014, arXiv:1412.6806: strides
// in place of pools, an average over the places at the end). To be trained here, then to measure with.
struct Classifier {
  static Description describe() {
    return {
        .name = "classifier",
        .doc =
            "Small convolutional classifier of pictures (after Springenberg et al. 2014: strides in place of "
            "pools). As `classifier` it is trained with the loss cross_entropy; as `features` it measures "
            "with the weights of a trial's checkpoint. features: the last hidden layer, averaged over its "
            "places.",
        .params = {
            param("width", 32)
                .at_least(1)
                .doc("channels at the first size; twice as many at each further one"),
            param("weights", "")
                .doc(
                    "as features: a safetensors file, the checkpoint of a trial that trained it or tensors "
                    "under "
                    "their own names; in a grid also {\"experiment\": NAME, \"best\": METRIC} or {\"trial\": "
                    "NAME}. Width and classes are those of the file. \"random\": untrained"),
            size_param(32), resize_param("none", "none: pictures of the size that it was trained with")}};
  }
};

struct Plan {
  int64_t sizes;  // how many, halved after each
  explicit Plan(const std::vector<int64_t>& shape) : sizes(1) {
    if (shape.size() != 3) throw Error("it takes pictures");
    for (int64_t side = std::min(shape[1], shape[2]); side > 4; side = (side + 1) / 2) ++sizes;
  }
};

struct Trained {
  static Role role() { return {"classifier", {"image"}, {"logits", "features"}}; }

  explicit Trained(const Builder& b) {
    if (const auto file = b.get<std::string>("weights"); !file.empty() && file != "random")
      throw Error("'weights' is for the role features: a classifier that is trained starts afresh");
    const auto shape = b.sample_shape();
    const auto classes = b.fact<int64_t>("classes");
    if (classes < 2) throw Error("it needs a data set with classes");
    int64_t in = shape.at(0), out = b.get<int64_t>("width");
    const nn::ConvOptions keep{.padding = 1, .bias = false, .init = init::he_normal()},
        halve{.stride = 2, .padding = 1, .bias = false, .init = init::he_normal()};
    for (int64_t i = 0, n = Plan(shape).sizes; i < n; ++i, in = out, out *= 2) {
      const std::string at = std::to_string(i);
      layers.push_back({{b, "conv" + at, in, out, 3, keep}, {b, "norm" + at, out}});
      layers.push_back({{b, "down" + at, out, out, 3, halve}, {b, "down_norm" + at, out}});
    }
    classify.emplace(b, "classes", in, classes);
  }
  Outputs forward(const Call& call) const {
    Tensor x = call.input("image");
    for (const Layer& layer : layers) x = relu(layer.norm(call, layer.conv(call, x)));
    const Tensor features = pooled(x);
    return {{"logits", (*classify)(call, features)}, {"features", features}};
  }

  struct Layer {
    nn::Conv2d conv;
    nn::BatchNorm norm;
  };
  std::vector<Layer> layers;
  std::optional<nn::Linear> classify;
};

struct Frozen {
  static Role role() { return {"features", {"image"}, {"logits", "features"}}; }

  explicit Frozen(const Builder& b) {
    const auto shape = b.sample_shape();
    const int64_t sizes = Plan(shape).sizes;
    const auto file = b.get<std::string>("weights");
    const bool random = file == "random";
    const Pretrained tensor(b, "classifier", "classifier/raw/");
    int64_t out = random ? b.get<int64_t>("width") : tensor.shape("conv0.weight").at(0);
    channels = random ? shape.at(0) : tensor.shape("conv0.weight").at(1);
    if (channels != shape.at(0) && shape.at(0) != 1)
      throw Error("it was trained on pictures of " + std::to_string(channels) + " channels, these have " +
                  std::to_string(shape.at(0)));
    if (!random && tensor.contains("conv" + std::to_string(sizes) + ".weight"))
      throw Error(
          "it was trained on larger pictures: say to which side these are to be resized, with "
          "\"size\" and \"resize\"");
    int64_t in = channels;
    for (int64_t i = 0; i < sizes; ++i, in = out, out *= 2)
      for (const bool down : {false, true}) {
        const std::string at = std::to_string(i);
        const int64_t from = down ? out : in;
        layers.push_back({tensor((down ? "down" : "conv") + at + ".weight", {out, from, 3, 3},
                                 std::sqrt(2.0 / static_cast<double>(9 * from))),
                          {tensor, (down ? "down_norm" : "norm") + at, out, 1e-5},
                          down ? 2 : 1});
      }
    classify.emplace(tensor, "classes", in, random ? 10 : tensor.shape("classes.bias").at(0));
  }
  Outputs forward(const Call& call) const {
    Tensor x = call.input("image");
    if (x.size(1) != channels) x = expand(x, {-1, channels, -1, -1});
    for (const Layer& layer : layers)
      x = relu(layer.norm(call, conv2d(x, call[layer.weight], {}, {.stride = layer.stride, .padding = 1})));
    const Tensor features = pooled(x);
    return {{"logits", (*classify)(call, features)}, {"features", features}};
  }

  struct Layer {
    BufferId weight;
    FrozenNorm norm;
    int64_t stride;
  };
  int64_t channels = 0;
  std::vector<Layer> layers;
  std::optional<Dense> classify;
};
SADDLE_MODEL(Classifier, Trained, Frozen)
