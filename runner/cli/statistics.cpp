#include <cli/statistics.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace saddle::cli {
namespace {

// splitmix64 (Steele, Lea and Flood 2014). The standard library's distributions
// may give other numbers elsewhere; an interval should not.
class Random {
 public:
  std::size_t below(std::size_t n) {
    state_ += 0x9E3779B97F4A7C15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    z ^= z >> 31;
    return static_cast<std::size_t>(((z >> 32) * n) >> 32);
  }

 private:
  std::uint64_t state_ = 20261123;
};

constexpr std::size_t kMostExactly = 7;  // 1,716 samples that differ

struct Sample {
  double mean, weight;
};

// Every sample of `n` of the values, with replacement, and how probable it is;
// `sum` and `weight` are of those taken before `values[at]`.
void all_samples(const std::vector<double>& values, std::size_t at, std::size_t n, double sum, double weight,
                 std::vector<Sample>& samples) {
  const auto size = static_cast<double>(values.size());
  if (at + 1 == values.size()) {
    for (std::size_t k = 1; k <= n; ++k) weight /= static_cast<double>(k);
    samples.push_back({(sum + static_cast<double>(n) * values[at]) / size, weight});
    return;
  }
  for (std::size_t count = 0; count <= n; ++count) {
    if (count > 0) weight /= static_cast<double>(count);
    all_samples(values, at + 1, n - count, sum + static_cast<double>(count) * values[at], weight, samples);
  }
}

Interval exact_interval(const std::vector<double>& values) {
  // n! / n^n, to be divided by the factorials of the counts.
  double weight = 1;
  for (std::size_t k = 1; k <= values.size(); ++k)
    weight *= static_cast<double>(k) / static_cast<double>(values.size());
  std::vector<Sample> samples;
  all_samples(values, 0, values.size(), 0, weight, samples);
  std::sort(samples.begin(), samples.end(), [](const Sample& a, const Sample& b) { return a.mean < b.mean; });
  // The lowest mean below or at which there is this part of all samples; of the
  // upper end the highest above or at which, so that both ends are alike.
  const auto end = [](auto sample, auto last) {
    double part = 0;
    for (; sample != last; ++sample)
      if ((part += sample->weight) >= 0.025) break;
    return sample->mean;
  };
  return {end(samples.begin(), samples.end() - 1), end(samples.rbegin(), samples.rend() - 1)};
}

// Sums of squared distances from the groups' means; totals by group are `sums`.
double within_groups(const std::vector<double>& values, const std::vector<std::size_t>& group,
                     const std::vector<double>& counts, std::vector<double>& sums) {
  std::fill(sums.begin(), sums.end(), 0.0);
  for (std::size_t i = 0; i < values.size(); ++i) sums[group[i]] += values[i];
  double between = 0, total = 0;
  for (std::size_t g = 0; g < sums.size(); ++g) between += sums[g] * sums[g] / counts[g];
  for (const double v : values) total += v * v;
  return std::max(0.0, total - between);
}

}  // namespace

Moments moments(const std::vector<double>& values) {
  if (values.empty()) return {};
  const auto n = static_cast<double>(values.size());
  // Distances from the first value: equal values then have a spread of exactly 0.
  const double origin = std::isfinite(values.front()) ? values.front() : 0;
  double mean = origin;
  for (const double v : values) mean += (v - origin) / n;
  if (values.size() < 2) return {mean, {}};
  double squares = 0;
  for (const double v : values) squares += (v - mean) * (v - mean);
  return {mean, std::sqrt(squares / (n - 1))};
}

std::optional<Interval> bootstrap_mean(const std::vector<std::vector<double>>& strata) {
  std::size_t n = 0, largest = 0;
  for (const auto& stratum : strata) {
    n += stratum.size();
    largest = std::max(largest, stratum.size());
  }
  if (n < 3 || largest < 2) return {};
  if (strata.size() == 1 && n <= kMostExactly) return exact_interval(strata.front());
  // A large group needs fewer: its mean hardly moves.
  const std::size_t draws = std::clamp<std::size_t>(20'000'000 / n, 500, 10'000);
  Random random;
  std::vector<double> means;
  means.reserve(draws);
  for (std::size_t draw = 0; draw < draws; ++draw) {
    double sum = 0;
    for (const auto& stratum : strata)
      for (std::size_t i = 0; i < stratum.size(); ++i) sum += stratum[random.below(stratum.size())];
    means.push_back(sum / static_cast<double>(n));
  }
  std::sort(means.begin(), means.end());
  const auto at = [&](double part) {
    const double place = part * static_cast<double>(draws - 1);
    const auto below = static_cast<std::size_t>(place);
    const double rest = place - static_cast<double>(below);
    return below + 1 < draws ? means[below] * (1 - rest) + means[below + 1] * rest : means[below];
  };
  return Interval{at(0.025), at(0.975)};
}

std::optional<Share> variance_share(const std::vector<double>& values, const std::vector<std::size_t>& group,
                                    int shuffles) {
  const std::size_t n = values.size();
  if (n == 0) return {};
  const std::size_t k = 1 + *std::max_element(group.begin(), group.end());
  if (k < 2 || k >= n) return {};
  // From the mean, so that nothing cancels.
  const double mean = *moments(values).mean;
  std::vector<double> centred;
  double total = 0;
  for (const double v : values) {
    centred.push_back(v - mean);
    total += (v - mean) * (v - mean);
  }
  if (!(total > 0)) return {};

  std::vector<double> counts(k), sums(k);
  for (const std::size_t g : group) counts[g] += 1;
  const double within = within_groups(centred, group, counts, sums);
  Share result;
  result.groups = k;
  const double noise = static_cast<double>(n - 1) / static_cast<double>(n - k);
  result.share = std::max(0.0, 1 - noise * within / total);

  // The share falls as `within` rises, so that is all there is to compare.
  Random random;
  int as_good = 0;
  std::vector<double> shuffled = centred;
  for (int i = 0; i < shuffles; ++i) {
    for (std::size_t j = n - 1; j > 0; --j) std::swap(shuffled[j], shuffled[random.below(j + 1)]);
    if (within_groups(shuffled, group, counts, sums) <= within * (1 + 1e-9)) ++as_good;
  }
  result.chance = (as_good + 1.0) / (shuffles + 1.0);
  return result;
}

std::vector<double> ranks(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> result(values.size());
  for (std::size_t i = 0; i < order.size();) {
    std::size_t end = i;
    while (end < order.size() && values[order[end]] == values[order[i]]) ++end;
    for (std::size_t j = i; j < end; ++j)
      result[order[j]] = 1 + (static_cast<double>(i) + static_cast<double>(end) - 1) / 2;
    i = end;
  }
  return result;
}

}  // namespace saddle::cli
