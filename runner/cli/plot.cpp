#include <cli/plot.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <cli/axis.hpp>
#include <cli/table.hpp>

namespace saddle::cli {
namespace {

// Told apart on dark and on light ground: cyan, red, green, magenta, blue, yellow.
constexpr std::array<const char*, 6> kColours{"36", "31", "32", "35", "34", "33"};

// A raster of dots, each character 2 wide and 4 high, that knows whose they are.
class Canvas {
 public:
  Canvas(std::size_t columns, std::size_t rows) : columns_(columns), rows_(rows), cells_(columns * rows) {}

  int width() const { return static_cast<int>(columns_) * 2; }
  int height() const { return static_cast<int>(rows_) * 4; }

  void dot(int x, int y, std::size_t curve) {
    if (x < 0 || y < 0 || x >= width() || y >= height()) return;
    // Braille numbers its dots down the left column, down the right one, then the bottom pair.
    constexpr std::array<std::array<unsigned, 2>, 4> kBits{
        {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}};
    Cell& cell = at(static_cast<std::size_t>(x / 2), static_cast<std::size_t>(y / 4));
    cell.bits |= kBits[static_cast<std::size_t>(y % 4)][static_cast<std::size_t>(x % 2)];
    cell.curve = curve;
  }

  void line(int x0, int y0, int x1, int y1, std::size_t curve) {
    const int steps = std::max({std::abs(x1 - x0), std::abs(y1 - y0), 1});
    for (int i = 0; i <= steps; ++i) {
      const double t = static_cast<double>(i) / steps;
      dot(static_cast<int>(std::lround(x0 + t * (x1 - x0))),
          static_cast<int>(std::lround(y0 + t * (y1 - y0))), curve);
    }
  }

  // The letter of each of `curves` in every so many columns, beside those of the others.
  void letters(std::size_t curves) {
    const std::size_t every = std::max<std::size_t>(24, 3 * curves);
    for (std::size_t column = 0; column < columns_; ++column) {
      const std::size_t curve = column % every / 3;
      if (column % 3 != 1 || curve >= curves) continue;
      for (std::size_t row = 0; row < rows_; ++row)
        if (Cell& cell = at(column, row); cell.bits != 0 && cell.curve == curve) {
          cell.letter = true;
          break;
        }
    }
  }

  std::string row(std::size_t index, bool colours) const {
    std::string text;
    std::size_t end = columns_;
    while (end > 0 && cells_[index * columns_ + end - 1].bits == 0) --end;
    for (std::size_t i = 0; i < end; ++i) {
      const Cell& cell = cells_[index * columns_ + i];
      if (cell.bits == 0) {
        text += ' ';
        continue;
      }
      std::string sign;
      if (cell.letter)
        sign = curve_letter(cell.curve);
      else  // U+2800 + bits in UTF-8
        for (const unsigned byte : {0xE2U, 0xA0U + (cell.bits >> 6), 0x80U + (cell.bits & 0x3FU)})
          sign += static_cast<char>(byte);
      text += colours ? coloured(sign, cell.curve) : sign;
    }
    return text;
  }

 private:
  struct Cell {
    unsigned bits = 0;
    std::size_t curve = 0;  // that came last
    bool letter = false;
  };
  Cell& at(std::size_t column, std::size_t row) { return cells_[row * columns_ + column]; }

  std::size_t columns_, rows_;
  std::vector<Cell> cells_;
};

int dot_of(double value, Range range, bool logarithmic, int size) {
  return static_cast<int>(std::lround(std::clamp(place(value, range, logarithmic), 0.0, 1.0) * (size - 1)));
}

}  // namespace

Range range_of_y(const std::vector<Point>& points, bool logarithmic) {
  Range range{std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()};
  for (const Point& point : points)
    if (std::isfinite(point.y) && (!logarithmic || point.y > 0))
      range = {std::min(range.low, point.y), std::max(range.high, point.y)};
  if (range.low <= range.high) return range;
  return logarithmic ? Range{1, 10} : Range{0, 1};
}

std::string curve_letter(std::size_t curve) {
  return std::string(1, static_cast<char>(curve % 52 < 26 ? 'A' + curve % 26 : 'a' + curve % 26));
}

std::string coloured(const std::string& text, std::size_t curve) {
  return std::string("\x1b[") + kColours[curve % kColours.size()] + "m" + text + "\x1b[0m";
}

std::string plot(const std::vector<std::vector<Point>>& curves, Range x, Range y, const PlotStyle& style) {
  const double half = style.logarithmic ? std::sqrt(y.low * y.high) : (y.low + y.high) / 2;
  const std::string top = number_text(y.high), middle = number_text(half), bottom = number_text(y.low);
  const std::size_t margin = std::max({top.size(), middle.size(), bottom.size()});
  const std::size_t columns =
      std::max<std::size_t>(style.width > margin + 3 ? style.width - margin - 3 : 0, 10);
  const std::size_t rows = std::max<std::size_t>(style.height > 2 ? style.height - 2 : 0, 3);

  Canvas canvas(columns, rows);
  const auto column_of = [&](const Point& p) { return dot_of(p.x, x, false, canvas.width()); };
  const auto row_of = [&](const Point& p) {
    return canvas.height() - 1 - dot_of(p.y, y, style.logarithmic, canvas.height());
  };
  for (std::size_t curve = 0; curve < curves.size(); ++curve) {
    const Point* previous = nullptr;
    for (const Point& point : curves[curve]) {
      if (!std::isfinite(point.y) || (style.logarithmic && point.y <= 0)) {
        previous = nullptr;
        continue;
      }
      if (previous)
        canvas.line(column_of(*previous), row_of(*previous), column_of(point), row_of(point), curve);
      else
        canvas.dot(column_of(point), row_of(point), curve);
      previous = &point;
    }
  }
  if (curves.size() > 1) canvas.letters(curves.size());

  std::string picture;
  for (std::size_t row = 0; row < rows; ++row) {
    const std::string label = row == 0                            ? top
                              : row == rows - 1                   ? bottom
                              : row == rows / 2 && y.high > y.low ? middle
                                                                  : "";
    picture += std::string(margin - label.size(), ' ') + label + (label.empty() ? " │" : " ┤") +
               canvas.row(row, style.colours) + '\n';
  }
  picture += std::string(margin, ' ') + " └";
  for (std::size_t i = 0; i < columns; ++i) picture += "─";
  const std::string left = number_text(x.low), right = number_text(x.high);
  const std::size_t between = columns > left.size() + right.size() ? columns - left.size() - right.size() : 1;
  return picture + '\n' + std::string(margin + 2, ' ') + left + std::string(between, ' ') + right + '\n';
}

}  // namespace saddle::cli
