#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace saddle::cli {

struct Point {
  double x = 0, y = 0;  // y may be NaN or infinite: a gap
};

struct Range {
  double low = 0, high = 0;
};

// The range of the finite values; {0, 1} if there is none.
Range range_of_y(const std::vector<Point>& points);

// A curve in braille dots (2 x 4 a character) with its axes, one line after the
// other; `width` and `height` are of the whole picture in characters. Points in
// order of x; neighbours are joined, gaps are not. Of more points than dots the
// lowest and highest of each column stay visible.
std::string plot(const std::vector<Point>& points, Range x, Range y, std::size_t width, std::size_t height);

}  // namespace saddle::cli
