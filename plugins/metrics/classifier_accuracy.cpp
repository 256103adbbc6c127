#include "features.hpp"

#include <cmath>
#include <limits>
using namespace saddle;

// How often a classifier agrees with the labels: of a given classifier on the fakes (as in Shmelkov et al.
// 2018's GAN-test), or of one trained on the fakes and tested on the reals (GAN-train there; the
// classification accuracy score of Ravuri and Vinyals 2019, arXiv:1905.10887).
class ClassifierAccuracy {
 public:
  static Description describe() {
    return {
        .name = "classifier_accuracy",
        .doc =
            "Form trained: a linear softmax classifier is trained on the fakes' features and labels and "
            "tested on the reals (classification accuracy score, Ravuri and Vinyals 2019, whose classifier "
            "is a ResNet-50); `classifier_accuracy_fake` is its accuracy on the fakes it saw. Its floor is "
            "the accuracy that half of the reals reach on the other half. Form given: `features` are a "
            "classifier's logits, and `classifier_accuracy` is the share of fakes to which it gives the "
            "label they were made for (GAN-test, Shmelkov et al. 2018), `classifier_accuracy_real` that of "
            "the reals. Form test: `test_error` is the share of the reals on which that classifier is wrong; "
            "set "
            "`split` to test. 1 is best, but for test_error 0. NaN if the fakes hold NaN or infinity.",
        .params = {param("form", "trained")
                       .one_of({"trained", "given", "test"})
                       .doc("trained: train a classifier on the fakes, test it on the reals. given: test the "
                            "fakes with the classifier whose logits the features are. test: test that "
                            "classifier itself, on the reals"),
                   param("decay", 1e-3).above(0).doc("L2 penalty of the trained classifier's weights"),
                   param("steps", 300).at_least(1).doc("of accelerated gradient descent on all fakes")},
        .higher = {"classifier_accuracy", "classifier_accuracy_real", "classifier_accuracy_fake"}};
  }
  explicit ClassifierAccuracy(const Builder& b)
      : classes_(b.fact<int64_t>("classes")),
        trained_(b.get<std::string>("form") == "trained"),
        test_(b.get<std::string>("form") == "test"),
        decay_(b.get<double>("decay")),
        steps_(b.get<int64_t>("steps")) {
    if (classes_ < 2) throw Error("classifier_accuracy needs a data set with classes");
  }

  void reference(const Samples& real) {
    NoGrad guard;
    real_ = feature_matrix(real, 1, "classifier_accuracy", "real");
    check_finite_reference(real_);
    real_labels_ = labels(real, "real");
    if (!trained_) real_accuracy_ = accuracy(logits(real_), real_labels_);
  }

  Numbers measure(const Samples& fake) const {
    NoGrad guard;
    if (test_) return {{"test_error", 1 - real_accuracy_}};
    const Tensor x = feature_matrix(fake, 1, "classifier_accuracy", "fake");
    check_width(real_.size(1), x.size(1));
    const Tensor y = labels(fake, "fake");
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const bool good = is_finite(x);
    if (!trained_)
      return {{"classifier_accuracy", good ? accuracy(logits(x), y) : nan},
              {"classifier_accuracy_real", real_accuracy_}};
    if (!good) return {{"classifier_accuracy", nan}, {"classifier_accuracy_fake", nan}};
    // Standardised by the fakes, with a feature that is always 1.
    const Tensor wide = to(x, DType::float64);
    const Tensor middle = mean(wide, 0, true);
    const Tensor deviation = sqrt(mean(square(wide - middle), 0, true));
    const Tensor scale = where(gt(deviation, 1e-12), deviation, 1);
    const auto prepared = [&](const Tensor& t) {
      const Tensor standard = (to(t, DType::float64) - middle) / scale;
      return cat(std::vector{standard, ones({t.size(0), 1}, DType::float64)}, 1);
    };
    const Tensor seen = prepared(x), weights = fit(seen, y);
    return {{"classifier_accuracy", accuracy(mm(prepared(real_), weights), real_labels_)},
            {"classifier_accuracy_fake", accuracy(mm(seen, weights), y)}};
  }

 private:
  const Tensor& logits(const Tensor& x) const {
    if (x.size(1) != classes_)
      throw Error("classifier_accuracy: the features are " + std::to_string(x.size(1)) +
                  " numbers, not logits of " + std::to_string(classes_) +
                  " classes: set `features` to a classifier's logits, or form to trained");
    return x;
  }
  static Tensor labels(const Samples& samples, const char* set) {
    if (!samples.labels)
      throw Error(std::string("classifier_accuracy needs labels, which the ") + set + " set has not");
    return samples.labels;
  }
  static double accuracy(const Tensor& logits, const Tensor& labels) {
    return mean(to(eq(argmax(logits, 1), labels), DType::float64)).item();
  }

  // The softmax regression that minimises mean cross-entropy + decay / 2 |W|^2, from zero (Nesterov 1983; the
  // step is 1 / L of the bound L = largest eigenvalue of X'X / 2N + decay). [n, classes]
  Tensor fit(const Tensor& x, const Tensor& y) const {
    const auto count = static_cast<double>(x.size(0));
    const Tensor target = to(one_hot(y, classes_), DType::float64), transposed = transpose(x, 0, 1);
    const Tensor gram = x.size(0) < x.size(1) ? mm(x, transposed) : mm(transposed, x);
    const double step = 1 / (max(linalg_eigvalsh(gram)).item() / (2 * count) + decay_);
    const double root = std::sqrt(step * decay_), momentum = (1 - root) / (1 + root);
    Tensor w = zeros({x.size(1), classes_}, DType::float64), ahead = w;
    for (int64_t i = 0; i < steps_; ++i) {
      const Tensor slope = mm(transposed, softmax(mm(x, ahead), 1) - target) / count + decay_ * ahead;
      const Tensor next = ahead - step * slope;
      ahead = next + momentum * (next - w);
      w = next;
    }
    return w;
  }

  int64_t classes_;
  bool trained_, test_;
  double decay_;
  int64_t steps_;
  Tensor real_, real_labels_;
  double real_accuracy_ = 0;
};
SADDLE_METRIC(ClassifierAccuracy)
