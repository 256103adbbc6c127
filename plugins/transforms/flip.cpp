#include <saddle/transform.hpp>
using namespace saddle;

// Mirrors pictures left to right, each with probability p.
struct Flip {
  static Description describe() {
    return {
        .name = "flip",
        .doc = "Mirrors pictures left to right, each on its own with probability p. Not for digits or text.",
        .params = {param("p", 0.5).at_least(0).at_most(1).doc("probability of a picture to be mirrored")}};
  }
  explicit Flip(const Builder& b) : p_(b.get<double>("p")) {
    if (b.has_fact("sample_shape") && b.sample_shape().size() != 3)
      throw Error("flip mirrors pictures; the data set has points");
  }

  Tensor apply(const Tensor& image) const {
    const Tensor mirrored = lt(rand({image.size(0), 1, 1, 1}), p_);
    return where(mirrored, flip(image, {3}), image);
  }

 private:
  double p_;
};
SADDLE_TRANSFORM(Flip)
