#include <saddle/augment.hpp>
#include <saddle/transform.hpp>
using namespace saddle;

// Differentiable augmentation (Zhao et al. 2020, arXiv:2006.10738; ranges of the released code), every
// picture on its own draw, in this order: color, translation, cutout.
struct DiffAugment {
  static Description describe() {
    return {
        .name = "diffaugment",
        .doc =
            "DiffAugment (Zhao et al. 2020): color (brightness, saturation, contrast), translation by up to "
            "an "
            "eighth of the side, cutout of half of the side. The paper's BigGAN on CIFAR10 has translation "
            "and "
            "cutout; small sets have all three.",
        .params = {param("color", true).doc("brightness +-0.5, saturation x 0 to 2, contrast x 0.5 to 1.5"),
                   param("translation", 0.125)
                       .at_least(0)
                       .at_most(1)
                       .doc("largest shift as a share of the side, zeros come in; 0: none"),
                   param("cutout", 0.5)
                       .at_least(0)
                       .at_most(1)
                       .doc("side of the square that is blanked, as a share of the picture's; 0: none")}};
  }
  explicit DiffAugment(const Builder& b)
      : augment_{b.get<bool>("color"), b.get<double>("translation"), b.get<double>("cutout")} {
    if (b.has_fact("sample_shape") && b.sample_shape().size() != 3)
      throw Error("diffaugment is for pictures; the data set has points");
  }

  Tensor apply(const Tensor& image) const { return augment_(image); }

 private:
  DiffAugmentation augment_;
};
SADDLE_TRANSFORM(DiffAugment)
