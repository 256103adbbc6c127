#include "features.hpp"
#include "sampling.hpp"

#include <cmath>
#include <limits>
using namespace saddle;

// Kernel Inception distance (Binkowski et al. 2018, arXiv:1801.01401, section 4.3): the unbiased squared
// maximum mean discrepancy with the kernel (x y / d + 1)^3, averaged over random subsets of both sets.
class Kid {
 public:
  static Description describe() {
    return {.name = "kid",
            .doc =
                "Kernel distance of two feature sets: unbiased squared MMD with a cubic polynomial kernel, "
                "mean over "
                "random subsets (Binkowski et al. 2018). Unbiased at any size, and may be below 0. `kid_std` "
                "is the "
                "spread over the subsets. NaN if the fakes hold NaN or infinity.",
            .params = {param("subsets", 100).at_least(1).doc("number of subsets (torch-fidelity: 100)"),
                       param("subset_size", 1000)
                           .at_least(2)
                           .doc("samples of each set in a subset; no more than there are"),
                       param("seed", 2020).at_least(0).doc("of the choice of the subsets")},
            .ordered = true};
  }
  explicit Kid(const Builder& b)
      : subsets_(b.get<int64_t>("subsets")),
        size_(b.get<int64_t>("subset_size")),
        seed_(b.get<int64_t>("seed")) {}

  void reference(const Samples& real) {
    real_ = to(feature_matrix(real, 2, "kid", "real"), DType::float64);
    check_finite_reference(real_);
  }

  Numbers measure(const Samples& fake) const {
    NoGrad guard;
    const Tensor x = to(feature_matrix(fake, 2, "kid", "fake"), DType::float64);
    check_width(real_.size(1), x.size(1));
    const double nan = std::numeric_limits<double>::quiet_NaN();
    if (!is_finite(x)) return {{"kid", nan}, {"kid_std", nan}};
    const int64_t size = std::min({size_, real_.size(0), x.size(0)});
    Draws draws(static_cast<uint64_t>(seed_));
    double total = 0, squares = 0;
    for (int64_t i = 0; i < subsets_; ++i) {
      const Tensor a = subset(real_, size, draws), b = subset(x, size, draws);
      const double value = discrepancy(a, b);
      total += value;
      squares += value * value;
    }
    const auto n = static_cast<double>(subsets_);
    const double mean = total / n;
    return {{"kid", mean}, {"kid_std", std::sqrt(std::max(0.0, squares / n - mean * mean))}};
  }

 private:
  static Tensor subset(const Tensor& all, int64_t size, Draws& draws) {
    const std::vector<int64_t> chosen = draws.choose(all.size(0), size);
    return index_select(all, 0, Tensor::from(std::span<const int64_t>(chosen), {size}));
  }
  static Tensor kernel(const Tensor& a, const Tensor& b) {
    return pow(div(mm(a, transpose(b, 0, 1)), static_cast<double>(a.size(1))) + 1, 3);
  }
  static double discrepancy(const Tensor& a, const Tensor& b) {
    const auto n = static_cast<double>(a.size(0));
    const Tensor aa = kernel(a, a), bb = kernel(b, b);
    const Tensor within = sum(aa) - trace(aa) + sum(bb) - trace(bb);
    return within.item() / (n * (n - 1)) - 2 * mean(kernel(a, b)).item();
  }

  int64_t subsets_, size_, seed_;
  Tensor real_;
};
SADDLE_METRIC(Kid)
