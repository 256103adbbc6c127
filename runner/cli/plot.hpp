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

// The range of the finite values (on a logarithmic axis: of those above 0); {0, 1}
// if there is none, {1, 10} there.
Range range_of_y(const std::vector<Point>& points, bool logarithmic = false);

struct PlotStyle {
  std::size_t width = 78, height = 18;  // of the whole picture, in characters
  bool logarithmic = false;
  bool colours = false;  // ANSI
};

// Curves in braille dots (2 x 4 a character) with axes, one line after the other.
// Points in order of x; neighbours are joined, gaps are not. Of more points than
// dots the lowest and highest of each column stay visible. Of several curves each
// carries its letter here and there: A for the first.
std::string plot(const std::vector<std::vector<Point>>& curves, Range x, Range y,
                 const PlotStyle& style = {});

std::string curve_letter(std::size_t curve);                       // A to Z, then a to z
std::string coloured(const std::string& text, std::size_t curve);  // as that curve

}  // namespace saddle::cli
