#include <saddle/transform.hpp>
using namespace saddle;

// Random crops of the padded picture: moves each picture on its own by up to `padding` pixels; what comes in
// is zeros or, reflected, the picture itself.
struct Crop {
  static Description describe() {
    return {
        .name = "crop",
        .doc =
            "Pads pictures and cuts their size out again at a random place, each on its own "
            "(BigGAN-PyTorch's "
            "augmentation has 4 pixels at 32 x 32).",
        .params = {param("padding", 4).at_least(1).doc("pixels on each side"),
                   param("mode", "zeros").one_of({"zeros", "reflect"}).doc("what the padding is made of")}};
  }
  explicit Crop(const Builder& b)
      : padding_(b.get<int64_t>("padding")), reflect_(b.get<std::string>("mode") == "reflect") {
    if (!b.has_fact("sample_shape")) return;
    const auto shape = b.sample_shape();
    if (shape.size() != 3) throw Error("crop is for pictures; the data set has points");
    if (reflect_ && padding_ >= std::min(shape[1], shape[2]))
      throw Error("'padding' of " + std::to_string(padding_) + " is more than pictures of " +
                  std::to_string(shape[1]) + " x " + std::to_string(shape[2]) + " have to reflect");
  }

  Tensor apply(const Tensor& image) const {
    const int64_t n = image.size(0), c = image.size(1), h = image.size(2), w = image.size(3);
    const IntList borders = {padding_, padding_, padding_, padding_};
    const Tensor padded = reflect_ ? reflection_pad2d(image, borders) : constant_pad_nd(image, borders, 0);
    const Tensor cut =
        gather(padded, 2, expand(reshape(window(n, h), {n, 1, h, 1}), {n, c, h, w + 2 * padding_}));
    return gather(cut, 3, expand(reshape(window(n, w), {n, 1, 1, w}), {n, c, h, w}));
  }

 private:
  // [n, size] int64: a stretch of `size` places for each picture.
  Tensor window(int64_t n, int64_t size) const {
    const Tensor start = to(floor(rand({n, 1}) * static_cast<double>(2 * padding_ + 1)), DType::int64);
    return start + reshape(arange(size, DType::int64), {1, size});
  }
  int64_t padding_;
  bool reflect_;
};
SADDLE_TRANSFORM(Crop)
