#include "gaussian.hpp"
#include "pictures.hpp"
using namespace saddle;

// How true and how diverse samples of a generator of one picture are (Shaham et al. 2019, arXiv:1905.01164,
// section 3).
class SingleImage {
 public:
  static Description describe() {
    return {
        .name = "single_image",
        .doc =
            "For sets of one picture (SinGAN, Shaham et al. 2019, section 3). `patch_frechet`: the Frechet "
            "distance between all patches of the real picture and those of a sample, mean over the samples: "
            "as SIFID, with the pixels of a patch in the place of Inception's features. `diversity`: the "
            "deviation of each pixel's intensity over the samples, mean over the pixels, divided by the "
            "deviation of intensity within the real picture. NaN if the fakes hold NaN or infinity.",
        .params = {param("patch", 5).at_least(1).doc("side of a patch")},
        .higher = {"diversity"}};
  }
  explicit SingleImage(const Builder& b)
      : shape_(picture_shape(b, "single_image")), patch_(b.get<int64_t>("patch")) {
    if (patch_ > shape_.side())
      throw Error("single_image: a patch of " + std::to_string(patch_) + " is larger than the pictures");
    if ((shape_.height - patch_ + 1) * (shape_.width - patch_ + 1) < 2)
      throw Error("single_image needs two patches in a picture, and there is one: make `patch` smaller");
  }

  void reference(const Samples& real) {
    NoGrad guard;
    const Tensor x = feature_matrix(real, 1, "single_image", "real");
    check_finite_reference(x);
    const Tensor all = pictures(x, shape_, "single_image");
    patches_ = Gaussian(patches_of(all));
    deviation_ = mean(deviation(intensity(all), 1)).item();
  }

  Numbers measure(const Samples& fake) const {
    NoGrad guard;
    const Tensor x = feature_matrix(fake, 2, "single_image", "fake");
    if (!is_finite(x)) {
      const double nothing = std::numeric_limits<double>::quiet_NaN();
      return {{"patch_frechet", nothing}, {"diversity", nothing}};
    }
    const Tensor all = pictures(x, shape_, "single_image");
    double distance = 0;
    for (int64_t i = 0; i < all.size(0); ++i)
      distance += patches_.distance(patches_of(narrow(all, 0, i, 1))) / static_cast<double>(all.size(0));
    return {{"patch_frechet", distance},
            {"diversity", mean(deviation(intensity(all), 0)).item() / std::max(deviation_, 1e-12)}};
  }

 private:
  // Of each picture and place, [pictures * places, channels * patch * patch].
  Tensor patches_of(const Tensor& x) const {
    const Tensor columns = im2col(x, {patch_, patch_}, {1, 1}, {0, 0}, {1, 1});
    return contiguous(reshape(transpose(columns, 1, 2), {-1, columns.size(1)}));
  }
  // [pictures, places]
  static Tensor intensity(const Tensor& x) { return to(flatten(mean(x, IntList{1}), 1), DType::float64); }
  static Tensor deviation(const Tensor& x, int64_t over) {
    return sqrt(mean(square(x - mean(x, IntList(over), true)), IntList(over)));
  }

  PictureShape shape_;
  int64_t patch_;
  Gaussian patches_;
  double deviation_ = 0;
};
SADDLE_METRIC(SingleImage)
