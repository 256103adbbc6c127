#include "by_class.hpp"
#include "gaussian.hpp"
using namespace saddle;

// Frechet distance class by class (Miyato and Koyama 2018, arXiv:1802.05637, "intra FID").
class IntraFrechet {
 public:
  static Description describe() {
    return {.name = "intra_frechet",
            .doc =
                "The Frechet distance of each class's fakes from its reals, and the mean over the classes "
                "(intra FID, Miyato and Koyama 2018). It sees labels that a generator ignores, which "
                "`frechet` does not. Biased upwards at few samples a class, so compare equal counts only. "
                "NaN if the fakes hold NaN or infinity.",
            .params = {param("each", true).doc("give every class's distance too, as intra_frechet_CLASS")}};
  }
  explicit IntraFrechet(const Builder& b) : classes_(b.fact<int64_t>("classes")), each_(b.get<bool>("each")) {
    if (classes_ < 1)
      throw Error("intra_frechet goes class by class; the data set has no labels. Use frechet");
    for (int64_t c = 0; c < classes_; ++c) names_.push_back("intra_frechet_" + std::to_string(c));
  }

  void reference(const Samples& real) {
    NoGrad guard;
    const Tensor x = feature_matrix(real, 2, "intra_frechet", "real");
    check_finite_reference(x);
    real_.clear();
    for (const auto& rows : rows_by_class(real.labels, classes_, 2, "intra_frechet", "real"))
      real_.emplace_back(select_rows(x, rows));
  }

  Numbers measure(const Samples& fake) const {
    NoGrad guard;
    const Tensor x = feature_matrix(fake, 2, "intra_frechet", "fake");
    check_width(real_[0].width(), x.size(1));
    const auto by_class = rows_by_class(fake.labels, classes_, 2, "intra_frechet", "fake");
    double total = 0;
    Numbers numbers = {{"intra_frechet", 0.0}};
    for (size_t c = 0; c < by_class.size(); ++c) {
      const Tensor rows = select_rows(x, by_class[c]);
      const double distance =
          is_finite(rows) ? real_[c].distance(rows) : std::numeric_limits<double>::quiet_NaN();
      total += distance;
      if (each_) numbers.emplace_back(names_[c].c_str(), distance);
    }
    numbers[0].second = total / static_cast<double>(classes_);
    return numbers;
  }

 private:
  int64_t classes_;
  bool each_;
  std::vector<std::string> names_;
  std::vector<Gaussian> real_;
};
SADDLE_METRIC(IntraFrechet)
