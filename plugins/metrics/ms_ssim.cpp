#include "by_class.hpp"
#include "pictures.hpp"
#include "sampling.hpp"

#include <cmath>
#include <limits>
using namespace saddle;

// Multi-scale structural similarity (Wang et al. 2003) of pairs of a class's fakes: how alike they are (Odena
// et al. 2017, arXiv:1610.09585, section 4.2). For [count, channels, height, width] from -1 to 1.
class MultiScale {
 public:
  static constexpr int64_t kWindow = 11, kMost = 5;
  // `scales` 0: as many as leave room for a whole window.
  MultiScale(const PictureShape& s, int64_t scales) {
    int64_t h = s.height, w = s.width;
    while (static_cast<int64_t>(windows_.size()) < (scales ? scales : kMost) && std::min(h, w) > 0) {
      const int64_t size = std::min({kWindow, h, w});
      if (scales == 0 && size < kWindow && !windows_.empty()) break;
      windows_.push_back(window(size, s.channels));
      h /= 2;
      w /= 2;
    }
    if (static_cast<int64_t>(windows_.size()) < scales)
      throw Error("ms_ssim: pictures of " + std::to_string(s.height) + " x " + std::to_string(s.width) +
                  " have no " + std::to_string(scales) + " scales: each halves them");
    double total = 0;
    for (size_t i = 0; i < windows_.size(); ++i) total += kWeights[i];
    for (size_t i = 0; i < windows_.size(); ++i) weights_.push_back(kWeights[i] / total);
  }
  int64_t scales() const { return static_cast<int64_t>(windows_.size()); }

  // Of each pair, [count].
  Tensor operator()(Tensor a, Tensor b) const {
    Tensor product;
    for (size_t i = 0; i < windows_.size(); ++i) {
      const bool last = i + 1 == windows_.size();
      if (i > 0) {
        a = avg_pool2d(a, 2);
        b = avg_pool2d(b, 2);
      }
      // Where a pair's structures are opposed the mean is negative, and a fractional power of it no number.
      const Tensor factor = pow(relu(compare(a, b, windows_[i], last)), weights_[i]);
      product = product ? product * factor : factor;
    }
    return product;
  }

 private:
  static constexpr double kWeights[kMost] = {0.0448, 0.2856, 0.3001, 0.2363, 0.1333};  // Wang et al., 3.2

  // Gaussian of deviation 1.5 at size 11, and narrower as the window is smaller.
  static Tensor window(int64_t size, int64_t channels) {
    const double deviation = 1.5 * static_cast<double>(size) / kWindow;
    std::vector<double> line, kernel;
    double total = 0;
    for (int64_t i = 0; i < size; ++i) {
      const double x = (static_cast<double>(i) - static_cast<double>(size - 1) / 2) / deviation;
      line.push_back(std::exp(-x * x / 2));
      total += line.back();
    }
    for (int64_t c = 0; c < channels; ++c)
      for (const double row : line)
        for (const double column : line) kernel.push_back(row * column / (total * total));
    return Tensor::from(std::span<const double>(kernel), {channels, 1, size, size});
  }
  // Mean over places and channels of contrast and structure, at the last scale times luminance. Pixels run
  // from 0 to 1 here, so C1 = 0.01^2 and C2 = 0.03^2.
  static Tensor compare(const Tensor& a, const Tensor& b, const Tensor& window, bool luminance) {
    constexpr double c1 = 0.0001, c2 = 0.0009;
    const auto blur = [&](const Tensor& x) { return conv2d(x, window, {}, {.groups = x.size(1)}); };
    const Tensor ma = blur(a), mb = blur(b);
    const Tensor va = blur(a * a) - ma * ma, vb = blur(b * b) - mb * mb, cov = blur(a * b) - ma * mb;
    Tensor similarity = (2 * cov + c2) / (va + vb + c2);
    if (luminance) similarity = similarity * ((2 * ma * mb + c1) / (ma * ma + mb * mb + c1));
    return mean(similarity, IntList{1, 2, 3});
  }
  std::vector<Tensor> windows_;
  std::vector<double> weights_;
};

class MsSsim {
 public:
  static Description describe() {
    return {
        .name = "ms_ssim",
        .doc =
            "Multi-scale structural similarity (Wang et al. 2003) of random pairs within a class, mean over "
            "the classes (Odena et al. 2017): 1 means a class of copies. `ms_ssim_most` is the most alike "
            "class, `ms_ssim_real` the real set's mean, `ms_ssim_scales` how many scales were used: the "
            "paper's five need pictures of 176; small ones have fewer, whose weights are scaled to a sum of "
            "1. Compare equal sizes and scales only. Features \"pixels\". Without labels all samples are "
            "one class. NaN if the fakes hold NaN or infinity.",
        .params = {param("pairs", 100).at_least(1).doc("of each class (Odena et al.: 100)"),
                   param("scales", 0)
                       .at_least(0)
                       .at_most(MultiScale::kMost)
                       .doc("0: as many as the window of 11 fits into, at least 1. Of given scales the small "
                            "ones have a smaller window, as in the code of Odena et al., which has 5"),
                   param("seed", 2020).at_least(0).doc("of the choice of the pairs")},
        .ordered = true};
  }
  explicit MsSsim(const Builder& b)
      : shape_(picture_shape(b, "ms_ssim")),
        classes_(b.fact<int64_t>("classes")),
        pairs_(b.get<int64_t>("pairs")),
        scales_(b.get<int64_t>("scales")),
        seed_(static_cast<uint64_t>(b.get<int64_t>("seed"))) {
    if (scales_ > 1 && shape_.side() >> (scales_ - 1) < 1)
      throw Error("ms_ssim: pictures of " + std::to_string(shape_.height) + " x " +
                  std::to_string(shape_.width) + " cannot be halved for " + std::to_string(scales_) +
                  " scales");
  }

  void reference(const Samples& real) {
    NoGrad guard;
    const Tensor x = feature_matrix(real, 2, "ms_ssim", "real");
    check_finite_reference(x);
    real_ = likeness(x, real.labels, "real").first;
  }

  Numbers measure(const Samples& fake) const {
    NoGrad guard;
    const Tensor x = feature_matrix(fake, 2, "ms_ssim", "fake");
    const bool good = is_finite(x);
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const auto [mean, most] = good ? likeness(x, fake.labels, "fake") : std::pair(nan, nan);
    return {{"ms_ssim", mean},
            {"ms_ssim_most", most},
            {"ms_ssim_real", real_},
            {"ms_ssim_scales", static_cast<double>(MultiScale(shape_, scales_).scales())}};
  }

 private:
  // The mean over the classes, and the largest of them.
  std::pair<double, double> likeness(const Tensor& x, const Tensor& labels, const char* set) const {
    std::vector<std::vector<int64_t>> classes(1);
    if (classes_ > 0) {
      classes = rows_by_class(labels, classes_, 2, "ms_ssim", set);
    } else {
      for (int64_t i = 0; i < x.size(0); ++i) classes[0].push_back(i);
    }
    const MultiScale similarity(shape_, scales_);
    const Tensor all = pictures(x, shape_, "ms_ssim");
    Draws draws(seed_);
    double total = 0, most = -1;
    for (const auto& rows : classes) {
      std::vector<int64_t> left, right;
      for (int64_t i = 0; i < pairs_; ++i) {
        const auto count = static_cast<int64_t>(rows.size()), first = draws.below(count),
                   other = draws.below(count - 1);
        left.push_back(rows[static_cast<size_t>(first)]);
        right.push_back(rows[static_cast<size_t>(other + (other >= first ? 1 : 0))]);
      }
      double of_class = 0;
      for_blocks(pairs_, 64, [&](int64_t first, int64_t n) {
        const auto block = [&](const std::vector<int64_t>& side) {
          const auto begin = side.begin() + first;
          return 0.5 * to(select_rows(all, std::vector<int64_t>(begin, begin + n)), DType::float64) + 0.5;
        };
        of_class += sum(similarity(block(left), block(right))).item();
      });
      of_class /= static_cast<double>(pairs_);
      total += of_class;
      most = std::max(most, of_class);
    }
    return {total / static_cast<double>(classes.size()), most};
  }

  PictureShape shape_;
  int64_t classes_, pairs_, scales_;
  uint64_t seed_;
  double real_ = 0;
};
SADDLE_METRIC(MsSsim)
