#include <saddle/loss.hpp>
using namespace saddle;

// (scale - 1)^2 with a scale of its own, 2 at the start.
struct Scaled {
  static Description describe() { return {.name = "scaled", .doc = "owns a parameter", .needs = {}}; }
  explicit Scaled(const Builder& b)
      : scale_(b.parameter("scale", IntList{}, {Layout::other, init::constant(2)})) {}
  Terms discriminator(Step& s) const { return {{"off", square(s[scale_] - 1.0)}}; }

 private:
  ParamId scale_;
};
SADDLE_LOSS(Scaled)
