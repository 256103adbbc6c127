#include "gaussian.hpp"
using namespace saddle;

class Frechet {
 public:
  static Description describe() {
    return {.name = "frechet",
            .doc =
                "Frechet distance between Gaussians fitted to the features of both sets, covariances with "
                "N - 1, in float64 by symmetric eigendecomposition (Heusel et al. 2017). 0 is best. Biased "
                "upwards at small N: compare equal counts only. NaN if the fakes hold NaN or infinity."};
  }
  explicit Frechet(const Builder&) {}

  void reference(const Samples& real) {
    NoGrad guard;
    const Tensor x = feature_matrix(real, 2, "frechet", "real");
    check_finite_reference(x);
    gaussian_ = Gaussian(x);
  }

  Numbers measure(const Samples& fake) const {
    NoGrad guard;
    const Tensor x = feature_matrix(fake, 2, "frechet", "fake");
    check_width(gaussian_.width(), x.size(1));
    if (!is_finite(x)) return {{"frechet", std::numeric_limits<double>::quiet_NaN()}};
    return {{"frechet", gaussian_.distance(x)}};
  }

 private:
  Gaussian gaussian_;
};
SADDLE_METRIC(Frechet)
