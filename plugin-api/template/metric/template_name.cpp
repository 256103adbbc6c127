#include <saddle/metric.hpp>

#include <cmath>
using namespace saddle;

// How far the mean of the samples is from the mean of the real set: 0 is best.
class TemplateType {
 public:
  static Description describe() {
    return {.name = "template_name",
            .version = "1",  // raise it when results change: it is part of a trial's identity
            .doc = "Distance between the means of the features of both sets.",
            .params = {param("squared", false).doc("give the square of the distance")}};
  }
  explicit TemplateType(const Builder& b) : squared_(b.get<bool>("squared")) {}

  // The real set. Keep here what is costly: it is asked for once, `measure` many times.
  void reference(const Samples& real) { mean_ = mean_of(real); }

  Numbers measure(const Samples& fake) const {
    const Tensor mean = mean_of(fake);
    if (mean.size(0) != mean_.size(0))
      throw Error("the real samples have " + std::to_string(mean_.size(0)) + " features, the fake ones " +
                  std::to_string(mean.size(0)));
    const double square_distance = sum(square(mean - mean_)).item();
    return {{"template_name", squared_ ? square_distance : std::sqrt(square_distance)}};
  }

 private:
  // features: [count, n] float32. In float64, so that the order of the samples does not show.
  static Tensor mean_of(const Samples& samples) {
    return mean(to(samples.features, DType::float64), IntList(0));
  }
  bool squared_;
  Tensor mean_;
};
SADDLE_METRIC(TemplateType)
