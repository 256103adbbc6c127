#include "biggan_tables.hpp"
using namespace saddle;
using namespace saddle::blocks;

// The discriminator of U-Net GAN (Schoenfeld et al. 2020, arXiv:2002.12655): BigGAN's encoder judges the
// picture, a decoder with skip connections judges every pixel. The loss of the same name trains both heads.
struct UNet {
  static Description describe() {
    return {
        .name = "unet",
        .doc =
            "U-Net discriminator (Schoenfeld et al. 2020, section 3.1) for square pictures whose side is 4 "
            "times a power of two, from 8 up: `logit` for the picture, `pixel_logit` for each pixel. Its "
            "loss is `unet`. Features: the bottleneck, summed over its places. `map`: the same before that, "
            "[n, channels, side, side].",
        .params = {param("width", 64)
                       .at_least(1)
                       .at_most(65536)
                       .doc("channels of the first block; they double down to 16 widths"),
                   param("conditional", false).doc("projection of the label in both heads")}};
  }
};

// ReLU-up-conv3-ReLU-conv3, and up-conv1 beside it.
class DecoderBlock {
 public:
  DecoderBlock(const Builder& b, int64_t in, int64_t out, const Style& s)
      : conv1_(conv3(b, "conv1", in, out, s.residual, s.norm)),
        conv2_(conv3(b, "conv2", out, out, s.residual, s.norm)),
        shortcut_(conv1(b, "shortcut", in, out, s.plain, s.norm)) {}
  Tensor operator()(const Call& call, const Tensor& x) const {
    return conv2_(call, relu(conv1_(call, up(relu(x))))) + up(shortcut_(call, x));
  }

 private:
  nn::Conv2d conv1_, conv2_, shortcut_;
};

class Discriminator {
 public:
  static Role role() {
    return {"discriminator", {"image", "label"}, {"logit", "pixel_logit", "features", "map"}};
  }
  explicit Discriminator(const Builder& b) : classes_(classes_if(b, b.get<bool>("conditional"))) {
    const auto shape = b.sample_shape();
    const Style style = orthogonal(Norm::spectral);
    const int levels = halvings(shape);
    if (levels == 0 || shape[1] >> levels != 4)
      throw Error("unet needs square pictures whose side is 8, 16, 32, 64 ..., not " + samples_of(shape));
    const auto width = b.get<int64_t>("width");
    const auto channels = [&](int level) { return width * std::min<int64_t>(16, int64_t{1} << level); };
    for (int i = 0; i < levels; ++i)
      encoder_.emplace_back(b.scope("encoder" + std::to_string(i)), i == 0 ? shape[0] : channels(i - 1),
                            channels(i), channels(i), i == 0, true, style);
    for (int i = levels - 1; i >= 0; --i) {
      // From the second on beside the encoder's map of the same side.
      const int64_t in = i == levels - 1 ? channels(i) : 2 * channels(i);
      decoder_.emplace_back(b.scope("decoder" + std::to_string(i)), in, channels(std::max(0, i - 1)), style);
    }
    head_.emplace(b, channels(levels - 1), classes_, style);
    pixel_.emplace(conv1(b, "pixel", width, 1, style.plain, style.norm));
    if (classes_ > 0)
      pixel_classes_.emplace(b, "pixel_embedding", classes_, width,
                             ParamOptions{Layout::embedding, style.embedding, style.norm});
  }

  Outputs forward(const Call& call) const {
    const Tensor label = classes_ > 0 ? call.input("label") : Tensor();
    std::vector<Tensor> maps;
    Tensor x = call.input("image");
    for (const DownBlock& block : encoder_) maps.push_back(x = block(call, x));
    const Tensor map = relu(x), features = sum(map, IntList{2, 3});
    for (size_t i = 0; i < decoder_.size(); ++i) {
      if (i > 0) x = cat(std::vector<Tensor>{x, maps[maps.size() - 1 - i]}, 1);
      x = decoder_[i](call, x);
    }
    x = relu(x);
    Tensor pixels = (*pixel_)(call, x);
    if (pixel_classes_)
      pixels =
          pixels + sum(reshape((*pixel_classes_)(call, label), {x.size(0), x.size(1), 1, 1}) * x, 1, true);
    return {{"logit", (*head_)(call, features, label)},
            {"pixel_logit", pixels},
            {"features", features},
            {"map", map}};
  }

 private:
  int64_t classes_;
  std::vector<DownBlock> encoder_;
  std::vector<DecoderBlock> decoder_;
  std::optional<Head> head_;
  std::optional<nn::Conv2d> pixel_;
  std::optional<nn::Embedding> pixel_classes_;
};

SADDLE_MODEL(UNet, Discriminator)
