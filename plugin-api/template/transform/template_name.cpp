#include <saddle/transform.hpp>
using namespace saddle;

// Makes each picture lighter or darker by its own random amount, real and fake alike (Zhao et al. 2020,
// "brightness" of DiffAugment). It must be differentiable: the generator learns through it.
struct TemplateType {
  static Description describe() {
    return {
        .name = "template_name",
        .version = "1",  // raise it when results change: it is part of a trial's identity
        .doc = "Shifts the brightness of each picture at random (Zhao et al. 2020).",
        .params = {param("strength", 0.5).at_least(0).doc("the largest shift; pictures reach from -1 to 1")}};
  }
  explicit TemplateType(const Builder& b) : strength_(b.get<double>("strength")) {}

  // image: [batch, channels, height, width], or [batch, n] for points; the same shape comes out. Random
  // numbers come from operators, whose generator the host seeds and saves.
  Tensor apply(const Tensor& image) const {
    std::vector<int64_t> each(static_cast<size_t>(image.dim()), 1);
    each[0] = image.size(0);
    return image + strength_ * (2 * rand(each, image.dtype()) - 1);
  }

 private:
  double strength_;
};
SADDLE_TRANSFORM(TemplateType)
