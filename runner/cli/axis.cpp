#include <cli/axis.hpp>

#include <algorithm>
#include <cmath>

#include <cli/table.hpp>

namespace saddle::cli {
namespace {

double round_step(double raw) {
  const double power = std::pow(10, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= raw * (1 - 1e-9)) return factor * power;
  return 10 * power;
}

std::vector<Tick> logarithmic_ticks(Range range, int wanted) {
  const int first = static_cast<int>(std::floor(std::log10(range.low))),
            last = static_cast<int>(std::ceil(std::log10(range.high)));
  const int decades = std::max(1, last - first);
  std::vector<double> factors{1};
  if (decades * 3 <= wanted + 3) factors = {1, 2, 5};
  const int every = std::max(1, (decades + wanted - 1) / wanted);
  std::vector<Tick> all;
  for (int decade = first; decade <= last; decade += every)
    for (const double factor : factors)
      if (const double value = factor * std::pow(10, decade);
          value >= range.low * (1 - 1e-9) && value <= range.high * (1 + 1e-9))
        all.push_back({value, number_text(value)});
  return all;
}

}  // namespace

std::vector<Tick> ticks(Range range, int wanted, bool logarithmic) {
  if (!(range.high > range.low)) return {{range.low, number_text(range.low)}};
  if (logarithmic)
    // Within less than a factor of two or so there may be no round power.
    if (auto all = logarithmic_ticks(range, wanted); all.size() >= 2) return all;
  const double step = round_step((range.high - range.low) / wanted);
  std::vector<Tick> all;
  for (double n = std::ceil(range.low / step - 1e-9); n * step <= range.high + 1e-9 * step; ++n) {
    const double value = std::fabs(n) < 0.5 ? 0 : n * step;
    // 0.30000000000000004 is 0.3.
    const double scale = std::pow(10, 12 - std::ceil(std::log10(std::max(std::fabs(value), step))));
    const double clean = std::isfinite(scale) && scale > 0 ? std::round(value * scale) / scale : value;
    all.push_back({value, number_text(clean)});
  }
  return all;
}

double place(double value, Range range, bool logarithmic) {
  if (!(range.high > range.low)) return 0.5;
  if (logarithmic) return std::log(value / range.low) / std::log(range.high / range.low);
  return (value - range.low) / (range.high - range.low);
}

}  // namespace saddle::cli
