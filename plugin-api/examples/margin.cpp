// The hinge loss with a margin to choose, with the C++ SDK.
//
//   g++ -std=c++20 -O2 -shared -fPIC -fvisibility=hidden -I../include margin.cpp -o margin.so
#include <saddle/loss.hpp>
using namespace saddle;

struct Margin {
  static Description describe() {
    return {
        .name = "margin",
        .doc = "Hinge loss whose margin is a parameter.",
        .params = {param("margin", 1.0).at_least(0).doc("distance from the boundary that is far enough")}};
  }
  explicit Margin(const Builder& b) : margin_(b.get<double>("margin")) {}

  Terms discriminator(Step& s) const {
    return {{"real", mean(relu(margin_ - s.real("logit")))}, {"fake", mean(relu(margin_ + s.fake("logit")))}};
  }
  Terms generator(Step& s) const { return {{"fake", -mean(s.fake("logit"))}}; }

 private:
  double margin_;
};
SADDLE_LOSS(Margin)
