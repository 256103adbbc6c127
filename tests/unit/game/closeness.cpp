#include <saddle/metric.hpp>

#include <cmath>
using namespace saddle;

// A metric of which more is better, and says so.
class Closeness {
 public:
  static Description describe() {
    return {.name = "closeness", .doc = "How near the means are.", .higher = {"closeness"}};
  }
  explicit Closeness(const Builder&) {}

  void reference(const Samples& real) { mean_ = mean(real.features).item(); }
  Numbers measure(const Samples& fake) const {
    const double apart = std::abs(mean(fake.features).item() - mean_);
    return {{"closeness", -apart}, {"apart", apart}};
  }

 private:
  double mean_ = 0;
};
SADDLE_METRIC(Closeness)
