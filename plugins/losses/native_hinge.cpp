#include <saddle/torch.hpp>
using namespace saddle;

// How far samples on the wrong side of the margin are from it, on average: `side` is 1 for real samples, -1
// for fake.
static torch::Tensor hinge(const torch::Tensor& logit, double side, double margin) {
  return torch::relu(margin - side * logit).mean();
}

// The hinge loss of hinge.cpp as a function of LibTorch's tensors: an example of the native tier.
struct NativeHinge {
  static Description describe() {
    return {.name = "native_hinge",
            .doc = "hinge on LibTorch's C++ API: the example of a native loss.",
            .params = {param("margin", 1.0)
                           .at_least(0)
                           .doc("distance from the boundary at which a sample stops counting")}};
  }
  explicit NativeHinge(const Builder& b) : margin_(b.get<double>("margin")) {}

  Terms discriminator(Step& s) const {
    return {{"hinge_real", with_torch(hinge, s.real("logit"), 1.0, margin_)},
            {"hinge_fake", with_torch(hinge, s.fake("logit"), -1.0, margin_)}};
  }
  Terms generator(Step& s) const { return {{"hinge", -mean(s.fake("logit"))}}; }

 private:
  double margin_;
};
SADDLE_LOSS(NativeHinge)
