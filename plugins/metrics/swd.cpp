#include "pictures.hpp"
#include "sampling.hpp"

#include <cmath>
#include <limits>
using namespace saddle;

namespace {

// What lies in one octave of detail at each level: the Laplacian pyramid (Burt and Adelson 1983) with the
// binomial filter and mirrored borders, as OpenCV's pyrDown and pyrUp.
class Pyramid {
 public:
  explicit Pyramid(int64_t channels) : channels_(channels) {
    const float taps[] = {1, 4, 6, 4, 1};
    std::vector<float> kernel;
    for (int64_t c = 0; c < channels; ++c)
      for (const float row : taps)
        for (const float column : taps) kernel.push_back(row * column / 256);
    kernel_ = Tensor::from(std::span<const float>(kernel), {channels, 1, 5, 5});
  }
  // As many levels as asked for; the last holds what is left. [count, channels, ...] each.
  std::vector<Tensor> operator()(const Tensor& x, size_t levels) const {
    std::vector<Tensor> list = {x};
    while (list.size() < levels) {
      const Tensor smaller = down(list.back());
      list.back() = list.back() - up(smaller);
      list.push_back(smaller);
    }
    return list;
  }

 private:
  Tensor filtered(const Tensor& x) const {
    return conv2d(reflection_pad2d(x, {2, 2, 2, 2}), kernel_, {}, {.groups = channels_});
  }
  Tensor down(const Tensor& x) const {
    return slice(slice(filtered(x), {.dim = 2, .step = 2}), {.dim = 3, .step = 2});
  }
  Tensor up(const Tensor& x) const {
    const int64_t n = x.size(0), c = x.size(1), h = x.size(2), w = x.size(3);
    const Tensor spread = constant_pad_nd(reshape(x, {n, c, h, 1, w, 1}), {0, 1, 0, 0, 0, 1}, 0);
    return 4 * filtered(reshape(spread, {n, c, 2 * h, 2 * w}));
  }
  int64_t channels_;
  Tensor kernel_;
};

}  // namespace

// Sliced Wasserstein distance: the mean over random directions of the distance of the two sets' projections
// (Rabin et al. 2011); of patches at each level of a Laplacian pyramid in Progressive GAN (Karras et al.
// 2018, arXiv:1710.10196, section 5).
class Swd {
 public:
  static Description describe() {
    return {
        .name = "swd",
        .doc =
            "Sliced Wasserstein distance. Form patches, for pixels: of random patches at every level of a "
            "Laplacian pyramid, each channel normalised, times 1000 (Progressive GAN, Karras et al. 2018, "
            "section 5); `swd_SIDE` is one level, `swd` their mean. Form plain: of points or features as "
            "they are. 0 is best. Both sets are brought to the same count, at most `samples_most`, by a "
            "random choice. NaN if the fakes hold NaN or infinity.",
        .params =
            {param("form", "patches")
                 .one_of({"patches", "plain"})
                 .doc("patches: of pictures. plain: of rows, for points and features"),
             param("directions", 512)
                 .at_least(1)
                 .at_most(1 << 20)
                 .doc("random projections (paper: 4 times 128)"),
             param("patch", 7).at_least(1).doc("side of a patch (paper: 7)"),
             param("patches", 128).at_least(1).doc("patches of each picture at each level (paper: 128)"),
             param("least_side", 16)
                 .at_least(4)
                 .doc("the pyramid ends at this side (paper: 16); smaller pictures have one level"),
             param("samples_most", 16384).at_least(2).doc("of each set (paper: 16384)"),
             param("seed", 2020).at_least(0).doc("of directions, patches and choices")},
        .ordered = true};
  }
  explicit Swd(const Builder& b)
      : patches_(b.get<std::string>("form") == "patches"),
        directions_(b.get<int64_t>("directions")),
        patch_(b.get<int64_t>("patch")),
        per_picture_(b.get<int64_t>("patches")),
        most_(b.get<int64_t>("samples_most")),
        seed_(static_cast<uint64_t>(b.get<int64_t>("seed"))) {
    if (!patches_) return;
    shape_ = picture_shape(b, "swd with form patches");
    if (patch_ > shape_.side())
      throw Error("swd: a 'patch' of " + std::to_string(patch_) + " is larger than the pictures");
    const auto least = std::max(b.get<int64_t>("least_side"), patch_);
    int64_t h = shape_.height, w = shape_.width;
    names_.push_back("swd_" + std::to_string(w));
    for (; h % 2 == 0 && w % 2 == 0 && std::min(h, w) / 2 >= least; h /= 2)
      names_.push_back("swd_" + std::to_string(w /= 2));
  }

  void reference(const Samples& real) {
    real_ = feature_matrix(real, 2, "swd", "real");
    check_finite_reference(real_);
    if (patches_) (void)pictures(real_, shape_, "swd");
  }

  Numbers measure(const Samples& fake) const {
    NoGrad guard;
    const Tensor x = feature_matrix(fake, 2, "swd", "fake");
    check_width(real_.size(1), x.size(1));
    const int64_t count = std::min({most_, real_.size(0), x.size(0)});
    const bool broken = !is_finite(x);
    const double nan = std::numeric_limits<double>::quiet_NaN();
    if (!patches_)
      return {{"swd", broken ? nan
                             : distance(to(chosen(real_, count), DType::float64),
                                        to(chosen(x, count), DType::float64))}};
    Numbers numbers = {{"swd", nan}};
    for (const std::string& name : names_) numbers.emplace_back(name.c_str(), nan);
    if (broken) return numbers;
    const std::vector<Tensor> a = descriptors(chosen(real_, count)), b = descriptors(chosen(x, count));
    double total = 0;
    for (size_t level = 0; level < a.size(); ++level) {
      const double value = 1000 * distance(a[level], b[level]);
      numbers[1 + level].second = value;
      total += value;
    }
    numbers[0].second = total / static_cast<double>(a.size());
    return numbers;
  }

 private:
  Tensor chosen(const Tensor& x, int64_t count) const {
    if (x.size(0) == count) return x;
    const std::vector<int64_t> rows = Draws(seed_).choose(x.size(0), count);
    return index_select(x, 0, Tensor::from(std::span<const int64_t>(rows), {count}));
  }

  // Patches of every level as rows, [count * patches, channels * patch * patch], each channel with mean 0 and
  // deviation 1 over all of them.
  std::vector<Tensor> descriptors(const Tensor& x) const {
    const Pyramid pyramid(shape_.channels);
    const int64_t count = x.size(0), width = shape_.channels * patch_ * patch_;
    std::vector<Tensor> all;
    std::vector<float*> to;
    for (size_t level = 0; level < names_.size(); ++level) {
      all.push_back(zeros({count * per_picture_, width}, DType::float32));
      to.push_back(all.back().data<float>().data());
    }
    Draws draws(seed_ + 1);
    for_blocks(count, 256, [&](int64_t first, int64_t n) {
      const std::vector<Tensor> levels =
          pyramid(pictures(narrow(x, 0, first, n), shape_, "swd"), names_.size());
      for (size_t level = 0; level < levels.size(); ++level) {
        const Tensor held = contiguous(levels[level]);
        to[level] = cut(held, draws, to[level]);
      }
    });
    for (Tensor& d : all) d = normalised(d);
    return all;
  }
  float* cut(const Tensor& x, Draws& draws, float* to) const {
    const float* from = x.data<float>().data();
    const int64_t h = x.size(2), w = x.size(3);
    for (int64_t i = 0; i < x.size(0); ++i)
      for (int64_t k = 0; k < per_picture_; ++k) {
        const int64_t top = draws.below(h - patch_ + 1), left = draws.below(w - patch_ + 1);
        for (int64_t c = 0; c < shape_.channels; ++c)
          for (int64_t row = 0; row < patch_; ++row, to += patch_)
            std::copy_n(from + ((i * shape_.channels + c) * h + top + row) * w + left, patch_, to);
      }
    return to;
  }
  // A channel that never changes, as of a collapsed generator, stays at 0.
  Tensor normalised(const Tensor& d) const {
    const Tensor x = reshape(d, {d.size(0), shape_.channels, patch_ * patch_});
    const Tensor centered = x - mean(x, IntList{0, 2}, true);
    const Tensor deviation = sqrt(mean(square(centered), IntList{0, 2}, true));
    return reshape(centered / where(gt(deviation, 0), deviation, 1), {d.size(0), d.size(1)});
  }

  // Mean over directions of the mean distance of sorted projections; as many rows in both.
  double distance(const Tensor& a, const Tensor& b) const {
    Draws draws(seed_ + 2);
    const int64_t block = std::clamp<int64_t>((int64_t{1} << 24) / a.size(0), 1, 128);
    double total = 0;
    for_blocks(directions_, block, [&](int64_t, int64_t n) {
      const Tensor along = to(directions(draws, n, a.size(1)), a.dtype());
      const auto sorted = [&](const Tensor& x) { return std::get<0>(sort(mm(along, transpose(x, 0, 1)))); };
      total += sum(mean(abs(sorted(a) - sorted(b)), 1)).item();
    });
    return total / static_cast<double>(directions_);
  }
  // Unit vectors, uniform on the sphere, [n, width] float64 (Box and Muller 1958).
  static Tensor directions(Draws& draws, int64_t n, int64_t width) {
    std::vector<double> values(static_cast<size_t>(n * width));
    constexpr int64_t kSteps = int64_t{1} << 53;
    for (double& v : values) {
      const double u = static_cast<double>(draws.below(kSteps) + 1) / static_cast<double>(kSteps);
      const double angle = static_cast<double>(draws.below(kSteps)) / static_cast<double>(kSteps);
      v = std::sqrt(-2 * std::log(u)) * std::cos(2 * 3.14159265358979323846 * angle);
    }
    const Tensor x = Tensor::from(std::span<const double>(values), {n, width});
    return x / clamp(linalg_vector_norm(x, {.dim = IntList(1), .keepdim = true}), 1e-300);
  }

  bool patches_;
  int64_t directions_, patch_, per_picture_, most_;
  uint64_t seed_;
  PictureShape shape_;
  std::vector<std::string> names_;  // of the levels, the finest first
  Tensor real_;
};
SADDLE_METRIC(Swd)
