// Four bands of frequencies as matrices along one axis of a picture.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <vector>

#pragma GCC visibility push(hidden)
namespace saddle {

// The bands [0, 1/8], [1/8, 1/4], [1/4, 1/2] and [1/2, 1] of the highest frequency, by the wavelet sym2, as
// the augmentation of Karras et al. 2020 (arXiv:2006.06676, appendix B) takes them: symmetric filters whose
// sum changes nothing.
class FilterBank {
 public:
  static constexpr int64_t kBands = 4;

  // [band, side, side]: picture row = matrix times picture column of that axis, mirrored at its ends as often
  // as the filters reach beyond.
  static std::vector<double> matrices(int64_t side) {
    const auto n = static_cast<size_t>(side);
    std::vector<double> all;
    for (const Filter& filter : bands()) {
      std::vector<double> matrix(n * n, 0.0);
      const auto reach = static_cast<int64_t>(filter.size() / 2);
      for (int64_t to = 0; to < side; ++to)
        for (int64_t tap = -reach; tap <= reach; ++tap)
          matrix[static_cast<size_t>(to * side + mirrored(to + tap, side))] +=
              filter[static_cast<size_t>(tap + reach)];
      all.insert(all.end(), matrix.begin(), matrix.end());
    }
    return all;
  }

  using Filter = std::vector<double>;
  // Of equal, odd lengths, the lowest band first.
  static std::vector<Filter> bands() {
    constexpr double kSym2[] = {-0.12940952255092145, 0.22414386804185735, 0.836516303737469,
                                0.48296291314469025};
    Filter low(std::begin(kSym2), std::end(kSym2)), high = low;
    for (size_t i = 1; i < high.size(); i += 2) high[i] = -high[i];
    // There and back: a pair whose sum is one at the middle and nothing elsewhere.
    const Filter low2 = squared(low), high2 = squared(high);
    std::vector<Filter> bands(kBands);
    bands[0] = {1};
    for (size_t band = 1; band < kBands; ++band) {
      // The bands so far move to the lower half of the frequencies; the upper half is a band of its own.
      for (size_t lower = 0; lower < band; ++lower) bands[lower] = convolved(spread(bands[lower]), low2);
      bands[band].assign(bands[0].size(), 0.0);
      const size_t before = (bands[0].size() - high2.size()) / 2;
      for (size_t i = 0; i < high2.size(); ++i) bands[band][before + i] = high2[i];
    }
    return bands;
  }

 private:
  static Filter convolved(const Filter& a, const Filter& b) {
    Filter result(a.size() + b.size() - 1, 0.0);
    for (size_t i = 0; i < a.size(); ++i)
      for (size_t j = 0; j < b.size(); ++j) result[i + j] += a[i] * b[j];
    return result;
  }
  static Filter squared(const Filter& a) {
    Filter result = convolved(a, Filter(a.rbegin(), a.rend()));
    for (double& x : result) x /= 2;
    return result;
  }
  static Filter spread(const Filter& a) {
    Filter result(2 * a.size() - 1, 0.0);
    for (size_t i = 0; i < a.size(); ++i) result[2 * i] = a[i];
    return result;
  }
  // The place inside that stands for one outside; the edge itself is not repeated.
  static int64_t mirrored(int64_t at, int64_t side) {
    if (side == 1) return 0;
    const int64_t period = 2 * (side - 1);
    const int64_t in = ((at % period) + period) % period;
    return in < side ? in : period - in;
  }
};

}  // namespace saddle
#pragma GCC visibility pop
