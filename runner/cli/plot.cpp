#include <cli/plot.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <cli/table.hpp>

namespace saddle::cli {
namespace {

// A raster of dots, each character 2 wide and 4 high.
class Canvas {
 public:
  Canvas(std::size_t columns, std::size_t rows) : columns_(columns), rows_(rows), cells_(columns * rows, 0) {}

  int width() const { return static_cast<int>(columns_) * 2; }
  int height() const { return static_cast<int>(rows_) * 4; }

  void dot(int x, int y) {
    if (x < 0 || y < 0 || x >= width() || y >= height()) return;
    // Braille numbers its dots down the left column, down the right one, then the bottom pair.
    constexpr std::array<std::array<unsigned, 2>, 4> kBits{
        {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}};
    const auto column = static_cast<std::size_t>(x / 2), row = static_cast<std::size_t>(y / 4);
    cells_[row * columns_ + column] |=
        kBits[static_cast<std::size_t>(y % 4)][static_cast<std::size_t>(x % 2)];
  }

  void line(int x0, int y0, int x1, int y1) {
    const int steps = std::max({std::abs(x1 - x0), std::abs(y1 - y0), 1});
    for (int i = 0; i <= steps; ++i) {
      const double t = static_cast<double>(i) / steps;
      dot(static_cast<int>(std::lround(x0 + t * (x1 - x0))),
          static_cast<int>(std::lround(y0 + t * (y1 - y0))));
    }
  }

  std::string row(std::size_t index) const {
    std::string text;
    for (std::size_t i = 0; i < columns_; ++i) {
      const unsigned bits = cells_[index * columns_ + i];
      if (bits == 0) {
        text += ' ';
        continue;
      }
      // U+2800 + bits in UTF-8.
      text += static_cast<char>(0xE2);
      text += static_cast<char>(0xA0 + (bits >> 6));
      text += static_cast<char>(0x80 + (bits & 0x3F));
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
  }

 private:
  std::size_t columns_, rows_;
  std::vector<unsigned> cells_;
};

int place(double value, Range range, int size) {
  if (range.high <= range.low) return size / 2;
  const double t = (value - range.low) / (range.high - range.low);
  return static_cast<int>(std::lround(std::clamp(t, 0.0, 1.0) * (size - 1)));
}

}  // namespace

Range range_of_y(const std::vector<Point>& points) {
  Range range{std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()};
  for (const Point& point : points)
    if (std::isfinite(point.y)) range = {std::min(range.low, point.y), std::max(range.high, point.y)};
  return range.low <= range.high ? range : Range{0, 1};
}

std::string plot(const std::vector<Point>& points, Range x, Range y, std::size_t width, std::size_t height) {
  const std::string top = number_text(y.high), middle = number_text((y.low + y.high) / 2),
                    bottom = number_text(y.low);
  const std::size_t margin = std::max({top.size(), middle.size(), bottom.size()});
  const std::size_t columns = std::max<std::size_t>(width > margin + 3 ? width - margin - 3 : 0, 10);
  const std::size_t rows = std::max<std::size_t>(height > 2 ? height - 2 : 0, 3);

  Canvas canvas(columns, rows);
  const Point* previous = nullptr;
  for (const Point& point : points) {
    if (!std::isfinite(point.y)) {
      previous = nullptr;
      continue;
    }
    const int px = place(point.x, x, canvas.width()),
              py = canvas.height() - 1 - place(point.y, y, canvas.height());
    if (previous)
      canvas.line(place(previous->x, x, canvas.width()),
                  canvas.height() - 1 - place(previous->y, y, canvas.height()), px, py);
    else
      canvas.dot(px, py);
    previous = &point;
  }

  std::string picture;
  for (std::size_t row = 0; row < rows; ++row) {
    const std::string label = row == 0                            ? top
                              : row == rows - 1                   ? bottom
                              : row == rows / 2 && y.high > y.low ? middle
                                                                  : "";
    picture += std::string(margin - label.size(), ' ') + label + (label.empty() ? " │" : " ┤") +
               canvas.row(row) + '\n';
  }
  picture += std::string(margin, ' ') + " └";
  for (std::size_t i = 0; i < columns; ++i) picture += "─";
  const std::string left = number_text(x.low), right = number_text(x.high);
  const std::size_t between = columns > left.size() + right.size() ? columns - left.size() - right.size() : 1;
  return picture + '\n' + std::string(margin + 2, ' ') + left + std::string(between, ' ') + right + '\n';
}

}  // namespace saddle::cli
