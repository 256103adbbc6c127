#include <saddle/loss.hpp>
using namespace saddle;

// The loss of U-Net GAN (Schoenfeld et al. 2020, arXiv:2002.12655, eqs. 3 to 8): binary cross-entropy on the
// picture's logit and on every pixel's, and CutMix consistency: of a picture patched together from real and
// fake the decoder shall say pixel by pixel what it says of the two.
struct UNetLoss {
  static Description describe() {
    return {.name = "unet",
            .doc =
                "Loss of U-Net GAN for the discriminator `unet` (Schoenfeld et al. 2020, eqs. 3 to 8): "
                "cross-entropy "
                "per picture and per pixel, and CutMix consistency.",
            .params = {param("consistency", 1.0).at_least(0).doc("weight of the CutMix terms; 0: none"),
                       param("warmup", 0)
                           .at_least(0)
                           .doc("rounds in which the weight of the CutMix terms rises from 0")},
            .needs = {"discriminator.logit", "discriminator.pixel_logit"}};
  }
  explicit UNetLoss(const Builder& b)
      : consistency_(b.get<double>("consistency")), warmup_(b.get<int64_t>("warmup")) {}

  Terms discriminator(Step& s) const {
    Terms terms = {{"real", mean(softplus(-s.real("logit")))},
                   {"fake", mean(softplus(s.fake("logit")))},
                   {"real_pixels", mean(softplus(-s.real("pixel_logit")))},
                   {"fake_pixels", mean(softplus(s.fake("pixel_logit")))}};
    const double weight =
        consistency_ *
        (warmup_ > 0 ? std::min(1.0, static_cast<double>(s.round()) / static_cast<double>(warmup_)) : 1);
    if (weight == 0) return terms;
    const Tensor real = detach(s.input("real.image")), fake = detach(s.input("fake.image"));
    const Tensor mask = patches(real);  // 1: real
    const Tensor mixed = mask * real + (1 - mask) * fake;
    // A patched picture is no real one, whatever is in it.
    const Inputs inputs = {{"image", mixed}, {"label", s.find("real.label")}};
    const std::vector<Tensor> outputs =
        s.run("discriminator", inputs, std::vector<const char*>{"logit", "pixel_logit"});
    const Tensor expected = mask * s.real("pixel_logit") + (1 - mask) * s.fake("pixel_logit");
    terms.emplace_back("cutmix", weight * mean(softplus(outputs[0])));
    terms.emplace_back("cutmix_pixels",
                       weight * mean(mask * softplus(-outputs[1]) + (1 - mask) * softplus(outputs[1])));
    terms.emplace_back("consistency", weight * mse_loss(outputs[1], expected));
    return terms;
  }

  Terms generator(Step& s) const {
    return {{"fake", mean(softplus(-s.fake("logit")))},
            {"fake_pixels", mean(softplus(-s.fake("pixel_logit")))}};
  }

 private:
  // [n, 1, h, w] of 0 and 1: a box of a share of the area drawn uniformly (CutMix, Yun et al. 2019, eq. 2)
  // somewhere in each picture, real inside or, half of the time, outside.
  static Tensor patches(const Tensor& image) {
    const int64_t n = image.size(0), h = image.size(2), w = image.size(3);
    const Tensor share = sqrt(rand({n, 1, 1, 1}));
    const auto inside = [&](int64_t size, const IntList& shape) {
      const Tensor middle = rand({n, 1, 1, 1}) * static_cast<double>(size);
      const Tensor place = reshape(arange(size, DType::float32), shape) + 0.5;
      return le(abs(place - middle), 0.5 * static_cast<double>(size) * share);
    };
    const Tensor box = logical_and(inside(h, {1, 1, h, 1}), inside(w, {1, 1, 1, w}));
    const Tensor inverted = lt(rand({n, 1, 1, 1}), 0.5);
    return to(ne(to(box, DType::int64), to(inverted, DType::int64)), image.dtype());
  }

  double consistency_;
  int64_t warmup_;
};
SADDLE_LOSS(UNetLoss)
