#pragma once
#include <string>
#include <vector>

#include <cli/axis.hpp>
#include <cli/plot.hpp>
#include <cli/sheet.hpp>

namespace saddle::cli {

struct Line {
  std::string name;  // in the legend
  std::vector<Point> points;
};

// A dot: with a name in the legend, or a label beside it.
struct Mark {
  Point at;
  std::string name, label;
};

struct Chart {
  std::string title, x_title;
  std::vector<Line> lines;
  bool logarithmic = false;  // values that are not above 0 are gaps then
  std::vector<Mark> marks;   // on the same axes
};

inline constexpr int kChartWidth = 1200, kChartHeight = 750;

// Axes with round ticks, one line for each curve, a legend. Of more points than
// pixels the lowest and highest of each pixel column are drawn.
void draw(Sheet& sheet, const Chart& chart, int width = kChartWidth, int height = kChartHeight);

}  // namespace saddle::cli
