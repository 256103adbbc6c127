#pragma once
#include <string>
#include <vector>

#include <cli/plot.hpp>

namespace saddle::cli {

struct Tick {
  double value = 0;
  std::string label;
};

// Some `wanted` round values in the range: multiples of 1, 2 or 5 times a power of
// ten; on a logarithmic axis powers of ten, and 2 and 5 times them where there is room.
std::vector<Tick> ticks(Range range, int wanted, bool logarithmic);

// The place of a value on an axis from 0 to 1.
double place(double value, Range range, bool logarithmic);

}  // namespace saddle::cli
