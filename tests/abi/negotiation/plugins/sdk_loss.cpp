// A loss made with the SDK, for hosts older than the SDK. It is compiled three times: as it is, with an
// extension that it cannot do without, and with a function of saddle_step that the first layout does not
// have.
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
#ifdef WITH_WEIGHTS
    s.model_parameters("discriminator");
#endif
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
