// A loss made with the SDK, for hosts older than the SDK: needs operators, gradients and an extension that it
// asks for only when told to.
#include <saddle/function.hpp>
#include <saddle/loss.hpp>

using namespace saddle;

namespace {

struct Doubled {
  Tensor forward(const Tensor& x) const { return x + x; }
  std::array<Tensor, 1> backward(const Saved& saved) const { return {saved.gradients[0] * 2}; }
};

struct Hinge {
  static Description describe() {
    return {.name = "sdk_hinge", .doc = "hinge", .params = {param("margin", 1.0)}};
  }
  explicit Hinge(const Builder& b) : margin_(b.get<double>("margin")) {}

  Terms discriminator(Step& s) const {
    const Tensor logit = s.real("logit");
#ifdef WITH_EXTENSION
    return {{"real", mean(relu(margin_ - apply(Doubled{}, logit)))}};
#else
    return {{"real", mean(relu(margin_ - logit))}};
#endif
  }

 private:
  double margin_;
};

}  // namespace
SADDLE_LOSS(Hinge)
