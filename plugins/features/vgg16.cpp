#include "extractor.hpp"
using namespace saddle;
using namespace saddle::features;

// VGG-16 (Simonyan and Zisserman 2014, arXiv:1409.1556, table 1, column D); tensors are named as in
// torchvision's vgg16-397923af.pth.
struct Vgg16 {
  static Description describe() {
    return {
        .name = "vgg16",
        .doc =
            "VGG-16 as a feature extractor, for precision and recall with k = 3 (Kynkaanniemi et al. 2019): "
            "features is the second hidden layer of 4,096 after its ReLU; logits has ImageNet's 1,000 "
            "classes (Simonyan and Zisserman 2014). `./saddle fetch vgg16 FILE.pth` converts torchvision's "
            "weights. In the role perceptual it gives losses the maps that LPIPS compares, relu1_2 to "
            "relu5_3, "
            "as map1 to map5, of pictures as they are.",
        .params = {weights_param("this network"), size_param(224),
                   resize_param("legacy", "legacy is torch-fidelity's"),
                   param("width", 64)
                       .at_least(1)
                       .doc("channels of the first block; another one than 64 needs weights of its own, or "
                            "random ones")}};
  }
};

struct Layer {
  BufferId weight, bias;
};
// The convolutions, and nothing for a pool; blocks of `width` channels and more.
std::vector<std::optional<Layer>> layers_of(const Pretrained& tensor, int64_t width) {
  // Channels in widths, 0: a pool. Places are counted with the ReLUs, as torchvision's list is.
  constexpr int64_t kLayers[] = {1, 1, 0, 2, 2, 0, 4, 4, 4, 0, 8, 8, 8, 0, 8, 8, 8, 0};
  std::vector<std::optional<Layer>> layers;
  int64_t in = 3, place = 0;
  for (const int64_t times : kLayers) {
    if (times == 0) {
      layers.push_back(std::nullopt);
      ++place;
      continue;
    }
    const int64_t out = times * width;
    const std::string name = "features." + std::to_string(place);
    layers.push_back(
        Layer{tensor(name + ".weight", {out, in, 3, 3}, std::sqrt(2.0 / static_cast<double>(9 * in))),
              tensor(name + ".bias", {out}, 0)});
    in = out;
    place += 2;
  }
  return layers;
}
Tensor next(const std::optional<Layer>& layer, const Call& call, const Tensor& x) {
  return layer ? relu(conv2d(x, call[layer->weight], call[layer->bias], {.padding = 1}))
               : max_pool2d(x, 2, {.stride = 2});
}

struct Features {
  static Role role() { return {"features", {"image"}, {"features", "logits"}}; }

  explicit Features(const Builder& b)
      : tensor((check_pictures(b, 32), Pretrained(b, "vgg16"))),
        width(b.get<int64_t>("width")),
        hidden1(tensor, "classifier.0", 8 * width * 7 * 7, 64 * width),
        hidden2(tensor, "classifier.3", 64 * width, 64 * width),
        classes(tensor, "classifier.6", 64 * width, 1000),
        layers(layers_of(tensor, width)) {}

  Outputs forward(const Call& call) const {
    Tensor x = normalised_by_colour(colours(call));
    for (const auto& layer : layers) x = next(layer, call, x);
    if (x.size(2) != 7 || x.size(3) != 7) x = adaptive_avg_pool2d(x, {7, 7});
    const Tensor features = relu(hidden2(call, relu(hidden1(call, flatten(x, 1)))));
    return {{"features", features}, {"logits", classes(call, features)}};
  }

  Pretrained tensor;
  int64_t width;
  Dense hidden1, hidden2, classes;
  std::vector<std::optional<Layer>> layers;
};

// What lies on the way there, for losses.
struct Perceptual {
  static Role role() { return {"perceptual", {"image"}, {"map1", "map2", "map3", "map4", "map5"}}; }

  explicit Perceptual(const Builder& b)
      : tensor((check_pictures(b, 16), Pretrained(b, "vgg16"))),
        layers(layers_of(tensor, b.get<int64_t>("width"))) {}

  Outputs forward(const Call& call) const {
    Outputs maps;
    Tensor x = normalised_by_colour(colours(call));
    const char* const kNames[] = {"map1", "map2", "map3", "map4", "map5"};
    for (const auto& layer : layers) {
      if (!layer) maps.emplace_back(kNames[maps.size()], x);
      if (maps.size() == 5) break;
      x = next(layer, call, x);
    }
    return maps;
  }

  Pretrained tensor;
  std::vector<std::optional<Layer>> layers;
};
SADDLE_MODEL(Vgg16, Features, Perceptual)
