#include "features.hpp"
#include "sampling.hpp"

#include <cmath>
#include <limits>
using namespace saddle;

// Inception score (Salimans et al. 2016, arXiv:1606.03498, section 4): exp of the mean divergence of p(y|x)
// from p(y).
class InceptionScore {
 public:
  static Description describe() {
    return {
        .name = "inception_score",
        .doc =
            "exp E KL(p(y|x) || p(y)) over the fakes (Salimans et al. 2016), mean over splits, with the "
            "spread as "
            "`inception_score_std`; `inception_score_real` is that of the real set. `features` must be a "
            "classifier's logits or probabilities. The number depends on the classifier, on the count and on "
            "the "
            "splits. NaN if the fakes hold NaN or infinity.",
        .params =
            {param("splits", 10).at_least(1).doc("parts that are scored by themselves (StudioGAN: 1)"),
             param("shuffle", true).doc("put the samples in a random order first: sorted ones score lower"),
             param("probabilities", false).doc("the features are probabilities, not logits"),
             param("seed", 2020).at_least(0).doc("of the order")},
        .ordered = true,
        .higher = {"inception_score", "inception_score_real"}};
  }
  explicit InceptionScore(const Builder& b)
      : splits_(b.get<int64_t>("splits")),
        seed_(b.get<int64_t>("seed")),
        shuffle_(b.get<bool>("shuffle")),
        probabilities_(b.get<bool>("probabilities")) {
    if (!b.has_fact("sample_shape")) return;
    const std::vector<int64_t> shape = b.sample_shape();
    if (shape.size() == 3) picture_ = shape[0] * shape[1] * shape[2];
  }

  void reference(const Samples& real) {
    NoGrad guard;
    const Tensor x = feature_matrix(real, splits_, "inception_score", "real");
    check_finite_reference(x);
    width_ = x.size(1);
    if (width_ == picture_ && !probabilities_ && max(abs(x)).item() <= 1)
      throw Error(
          "inception_score was given the pictures themselves, and not what a classifier says of them: set "
          "`features` to its logits, as {\"use\": \"inception_v3\", \"output\": \"logits_unbiased\"}");
    real_ = score(x).first;
  }

  Numbers measure(const Samples& fake) const {
    NoGrad guard;
    const Tensor x = feature_matrix(fake, splits_, "inception_score", "fake");
    check_width(width_, x.size(1));
    const double nan = std::numeric_limits<double>::quiet_NaN();
    if (!is_finite(x)) return {{"inception_score", nan}, {"inception_score_std", nan}};
    const auto [mean, deviation] = score(x);
    return {{"inception_score", mean}, {"inception_score_std", deviation}, {"inception_score_real", real_}};
  }

 private:
  // Mean and standard deviation over the splits.
  std::pair<double, double> score(const Tensor& features) const {
    const int64_t n = features.size(0);
    Tensor x = to(features, DType::float64);
    if (shuffle_) {
      const std::vector<int64_t> order = Draws(static_cast<uint64_t>(seed_)).choose(n, n);
      x = index_select(x, 0, Tensor::from(std::span<const int64_t>(order), {n}));
    }
    if (probabilities_ && (min(x).item() < 0 || std::abs(mean(sum(x, 1)).item() - 1) > 1e-3))
      throw Error(
          "inception_score was told that the features are probabilities, but their rows do not sum to 1: "
          "leave "
          "'probabilities' out for logits");
    const Tensor p = probabilities_ ? x : softmax(x, -1);
    double total = 0, squares = 0;
    for (int64_t i = 0; i < splits_; ++i) {
      const int64_t first = n * i / splits_, end = n * (i + 1) / splits_;
      const Tensor part = narrow(p, 0, first, end - first);
      const Tensor marginal = mean(part, 0, true);
      // 0 log 0 is 0.
      const Tensor divergence =
          sum(part * (log(clamp(part, Scalar(1e-300))) - log(clamp(marginal, Scalar(1e-300)))), 1);
      const double one = std::exp(mean(divergence).item());
      total += one;
      squares += one * one;
    }
    const auto count = static_cast<double>(splits_);
    const double mean = total / count;
    return {mean, std::sqrt(std::max(0.0, squares / count - mean * mean))};
  }

  int64_t splits_, seed_, width_ = 0, picture_ = 0;  // numbers of a picture; 0: samples are none
  bool shuffle_, probabilities_;
  double real_ = 0;
};
SADDLE_METRIC(InceptionScore)
