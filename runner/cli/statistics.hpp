#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace saddle::cli {

struct Moments {
  std::optional<double> mean;
  std::optional<double> spread;  // sample standard deviation; none below two values
};
Moments moments(const std::vector<double>& values);

struct Interval {
  double low = 0, high = 0;
};

// 95 % percentile bootstrap interval of the mean (Efron 1979). `strata`: values
// are drawn anew within each, as many as it has; so the seeds of each config are
// resampled while the configs stay (Agarwal and others 2021, arXiv:2108.13264).
// Up to seven values in one stratum: of all n^n samples, exactly. Beyond: of 500 to
// 10,000 random ones, with a seed that is always the same, so the interval is too.
// None for fewer than three values, or if no stratum has two.
std::optional<Interval> bootstrap_mean(const std::vector<std::vector<double>>& strata);

// How much of the variance of `values` lies between the groups that `group`
// (0, 1, ...) sorts them into.
struct Share {
  // Kelley's epsilon squared, 1 - (n - 1) / (n - k) * within / total: the part of
  // the variance that the groups explain, less what k groups of noise would
  // (Kelley 1935, PNAS 21:554). 0 if that is negative.
  double share = 0;
  // How often chance does as well: of shuffled labels the part (Fisher's
  // permutation test), at least 1 / (shuffles + 1).
  double chance = 1;
  std::size_t groups = 0;
};
// None where nothing can be said: one group, as many groups as values, no spread.
std::optional<Share> variance_share(const std::vector<double>& values, const std::vector<std::size_t>& group,
                                    int shuffles = 1000);

// Of each value its place among all, equal ones sharing the middle of theirs.
std::vector<double> ranks(const std::vector<double>& values);

}  // namespace saddle::cli
