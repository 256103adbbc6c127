#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include <cli/statistics.hpp>

using namespace saddle::cli;

namespace {

std::vector<double> normal(std::size_t n, double mean, double spread, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> draw(mean, spread);
  std::vector<double> values(n);
  for (double& value : values) value = draw(random);
  return values;
}

// The sums of squares of a textbook, written out.
double epsilon_squared(const std::vector<double>& values, const std::vector<std::size_t>& group) {
  const std::size_t n = values.size(), k = 1 + *std::max_element(group.begin(), group.end());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(n);
  double total = 0, within = 0;
  for (std::size_t g = 0; g < k; ++g) {
    double sum = 0;
    int count = 0;
    for (std::size_t i = 0; i < n; ++i)
      if (group[i] == g) {
        sum += values[i];
        ++count;
      }
    for (std::size_t i = 0; i < n; ++i)
      if (group[i] == g) within += std::pow(values[i] - sum / count, 2);
  }
  for (const double v : values) total += std::pow(v - mean, 2);
  const double between = total - within, noise = within / static_cast<double>(n - k);
  return (between - static_cast<double>(k - 1) * noise) / total;
}

}  // namespace

TEST_CASE("moments of few and of equal values") {
  CHECK_FALSE(moments({}).mean);
  CHECK(*moments({3}).mean == 3);
  CHECK_FALSE(moments({3}).spread);
  CHECK(*moments({2, 4, 4, 4, 5, 5, 7, 9}).spread == Approx(2.13809));
  CHECK(*moments({0.1, 0.1, 0.1}).spread == 0);
}

TEST_CASE("the bootstrap interval is that of the normal law where that holds") {
  const std::vector<double> values = normal(200, 5, 2, 1);
  const Moments m = moments(values);
  const double half = 1.96 * *m.spread / std::sqrt(200.0);
  const auto interval = bootstrap_mean({values});
  REQUIRE(interval);
  CHECK(interval->low == Approx(*m.mean - half).margin(0.05 * half));
  CHECK(interval->high == Approx(*m.mean + half).margin(0.05 * half));
  // The same numbers every time.
  CHECK(bootstrap_mean({values})->low == interval->low);
}

TEST_CASE("configs stay as they are while their seeds are drawn anew") {
  const std::vector<std::vector<double>> configs{{0, 0.1}, {10, 10.1}, {20, 20.1}};
  const auto over_seeds = bootstrap_mean(configs);
  const auto over_trials = bootstrap_mean({{0, 0.1, 10, 10.1, 20, 20.1}});
  REQUIRE(over_seeds);
  REQUIRE(over_trials);
  CHECK(over_seeds->high - over_seeds->low < 0.11);
  CHECK(over_trials->high - over_trials->low > 10);
  CHECK(over_seeds->low < 10.05);
  CHECK(over_seeds->high > 10.05);
}

TEST_CASE("of few values the interval is that of all samples, taken one by one") {
  const std::vector<double> values{1, 2.5, 7, 20, 21};
  std::vector<double> means;
  for (int sample = 0; sample < 5 * 5 * 5 * 5 * 5; ++sample) {
    double sum = 0;
    for (int i = 0, rest = sample; i < 5; ++i, rest /= 5) sum += values[static_cast<std::size_t>(rest % 5)];
    means.push_back(sum / 5);
  }
  std::sort(means.begin(), means.end());
  const auto interval = bootstrap_mean({values});
  REQUIRE(interval);
  // 2.5 % of 3,125 are 78.125: the 79th from each end.
  CHECK(interval->low == Approx(means[78]));
  CHECK(interval->high == Approx(means[means.size() - 79]));
}

TEST_CASE("no interval is made of nothing") {
  CHECK_FALSE(bootstrap_mean({}));
  CHECK_FALSE(bootstrap_mean({{1, 2}}));
  CHECK_FALSE(bootstrap_mean({{1}, {2}, {3}}));
  CHECK(bootstrap_mean({{1, 2}, {3}}));
  CHECK(bootstrap_mean({{4, 4, 4}})->low == 4);
}

TEST_CASE("the share of variance is Kelley's epsilon squared") {
  const std::vector<double> values{3, 4, 5, 7, 8, 6, 12, 10};
  const std::vector<std::size_t> group{0, 0, 0, 1, 1, 1, 2, 2};
  const auto share = variance_share(values, group);
  REQUIRE(share);
  CHECK(share->share == Approx(epsilon_squared(values, group)));
  CHECK(share->share == Approx(0.9).margin(0.05));
  CHECK(share->groups == 3);
  CHECK(share->chance < 0.02);
  // Far from zero nothing cancels.
  std::vector<double> far = values;
  for (double& v : far) v += 1e9;
  CHECK(variance_share(far, group)->share == Approx(share->share));
}

TEST_CASE("noise explains nothing, and is said to be chance") {
  double shares = 0;
  int found = 0;
  for (unsigned seed = 1; seed <= 40; ++seed) {
    const std::vector<double> values = normal(24, 0, 1, seed);
    std::vector<std::size_t> group;
    for (std::size_t i = 0; i < 24; ++i) group.push_back(i % 8);
    const auto share = variance_share(values, group, 200);
    shares += share->share;
    found += share->chance <= 0.05 ? 1 : 0;
  }
  // Without the correction it would be 7/23 = 0.30 on the average.
  CHECK(shares / 40 < 0.15);
  CHECK(found <= 6);
}

TEST_CASE("where nothing can be said there is no share") {
  CHECK_FALSE(variance_share({}, {}));
  CHECK_FALSE(variance_share({1, 2, 3}, {0, 0, 0}));
  CHECK_FALSE(variance_share({1, 2, 3}, {0, 1, 2}));
  CHECK_FALSE(variance_share({2, 2, 2}, {0, 0, 1}));
}

TEST_CASE("ranks share the places of equal values") {
  CHECK(ranks({10, 1e9, 10, -1}) == std::vector<double>{2.5, 4, 2.5, 1});
  CHECK(ranks({}).empty());
}
