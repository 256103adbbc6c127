#include <cli/chart.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace saddle::cli {
namespace {

// Okabe and Ito's colours, told apart by colour-blind people too; their yellow is
// too light on white and last.
constexpr std::array<Colour, 8> kColours{{{0, 114, 178},
                                          {213, 94, 0},
                                          {0, 158, 115},
                                          {204, 121, 167},
                                          {86, 180, 233},
                                          {230, 159, 0},
                                          {90, 90, 90},
                                          {200, 185, 20}}};
constexpr Colour kInk{40, 40, 40}, kGrid{226, 226, 226}, kAxis{120, 120, 120};
constexpr double kText = 17, kLegendLine = 24, kMargin = 24;
constexpr std::size_t kLegendMost = 24;

bool drawable(const Point& point, bool logarithmic) {
  return std::isfinite(point.y) && (!logarithmic || point.y > 0);
}

struct Frame {
  double left, right, top, bottom;
  Range x, y;
  bool logarithmic;

  Spot at(const Point& p) const {
    return {left + place(p.x, x, false) * (right - left),
            bottom - place(p.y, y, logarithmic) * (bottom - top)};
  }
};

// Runs of points between gaps.
void draw_line(Sheet& sheet, const Frame& frame, const Line& line, Colour colour, bool dashed) {
  std::vector<Spot> run;
  const auto draw_run = [&] {
    if (run.empty()) return;
    if (!dashed || run.size() == 1) {
      sheet.line(run, 2.2, colour);
    } else {
      // Every second stretch of some 12 pixels.
      std::vector<Spot> dash{run.front()};
      double length = 0;
      bool on = true;
      for (std::size_t i = 1; i < run.size(); ++i) {
        const Spot a = run[i - 1], b = run[i];
        const double whole = std::hypot(b.x - a.x, b.y - a.y);
        for (double at = 0; at < whole;) {
          const double part = std::min(12 - length, whole - at);
          at += part;
          length += part;
          const Spot here{a.x + (b.x - a.x) * at / whole, a.y + (b.y - a.y) * at / whole};
          if (on) dash.push_back(here);
          if (length < 12 - 1e-9) continue;
          if (on) sheet.line(dash, 2.2, colour);
          on = !on;
          dash = {here};
          length = 0;
        }
      }
      if (on && dash.size() > 1) sheet.line(dash, 2.2, colour);
    }
    run.clear();
  };
  std::size_t i = 0;
  while (i < line.points.size()) {
    if (!drawable(line.points[i], frame.logarithmic)) {
      draw_run();
      ++i;
      continue;
    }
    // All that fall on one column of pixels: as they come in, lowest, highest, last.
    std::size_t low = i, high = i, end = i;
    const double column = std::floor(frame.at(line.points[i]).x);
    while (end < line.points.size() && drawable(line.points[end], frame.logarithmic) &&
           std::floor(frame.at(line.points[end]).x) == column) {
      if (line.points[end].y < line.points[low].y) low = end;
      if (line.points[end].y > line.points[high].y) high = end;
      ++end;
    }
    std::array<std::size_t, 4> kept{i, std::min(low, high), std::max(low, high), end - 1};
    for (std::size_t k = 0; k < kept.size(); ++k)
      if (k == 0 || kept[k] != kept[k - 1]) run.push_back(frame.at(line.points[kept[k]]));
    i = end;
  }
  draw_run();
}

Range range_of(const std::vector<Line>& lines, bool logarithmic, bool of_x) {
  Range range{std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()};
  for (const Line& line : lines)
    for (const Point& point : line.points)
      if (of_x || drawable(point, logarithmic)) {
        const double value = of_x ? point.x : point.y;
        range = {std::min(range.low, value), std::max(range.high, value)};
      }
  if (!(range.low <= range.high)) return logarithmic && !of_x ? Range{1, 10} : Range{0, 1};
  if (range.low == range.high && !of_x)
    return logarithmic ? Range{range.low / 2, range.high * 2}
                       : Range{range.low - std::max(1.0, std::fabs(range.low)) / 10,
                               range.high + std::max(1.0, std::fabs(range.high)) / 10};
  return range;
}

// Names too long for their place lose their middle.
std::string shortened(const std::string& name, std::size_t most) {
  if (name.size() <= most) return name;
  const std::size_t end = (most - 2) / 2;
  return name.substr(0, most - 2 - end) + ".." + name.substr(name.size() - end);
}

}  // namespace

void draw(Sheet& sheet, const Chart& chart, int width, int height) {
  Frame frame{};
  frame.logarithmic = chart.logarithmic;
  frame.x = range_of(chart.lines, chart.logarithmic, true);
  frame.y = range_of(chart.lines, chart.logarithmic, false);
  const auto x_ticks = ticks(frame.x, 8, false), y_ticks = ticks(frame.y, 7, chart.logarithmic);

  const double letter = text_width("00", kText) - text_width("0", kText);
  const auto most_letters = static_cast<std::size_t>(width * 0.36 / letter);
  std::size_t name_letters = 0;
  for (const Line& line : chart.lines)
    name_letters = std::max(name_letters, std::min(line.name.size(), most_letters));
  std::size_t named = 0;
  for (const Mark& mark : chart.marks) {
    named += !mark.name.empty();
    name_letters = std::max(name_letters, std::min(mark.name.size(), most_letters));
  }
  double label_width = 0;
  for (const Tick& tick : y_ticks) label_width = std::max(label_width, text_width(tick.label, kText));
  const double legend = static_cast<double>(name_letters) * letter + 40;
  frame.left = kMargin + label_width + 12;
  frame.right = width - kMargin - legend - 16;
  frame.top = kMargin + 34;
  frame.bottom = height - kMargin - 54;

  sheet.text({frame.left, kMargin + 10}, chart.title, kText * 1.15, Anchor::left, kInk);
  for (const Tick& tick : y_ticks) {
    const double y = frame.at({frame.x.low, tick.value}).y;
    sheet.line({{frame.left, y}, {frame.right, y}}, 1, kGrid);
    sheet.text({frame.left - 10, y + kText * 0.35}, tick.label, kText, Anchor::right, kInk);
  }
  for (const Tick& tick : x_ticks) {
    const double x = frame.left + place(tick.value, frame.x, false) * (frame.right - frame.left);
    sheet.line({{x, frame.bottom}, {x, frame.bottom + 6}}, 1, kAxis);
    sheet.text({x, frame.bottom + 26}, tick.label, kText, Anchor::middle, kInk);
  }
  sheet.line({{frame.left, frame.top}, {frame.left, frame.bottom}, {frame.right, frame.bottom}}, 1.4, kAxis);
  sheet.text({(frame.left + frame.right) / 2, height - kMargin + 4.0}, chart.x_title, kText, Anchor::middle,
             kInk);

  const std::size_t entries = chart.lines.size() + named;
  const auto legend_place = [&](std::size_t i) {
    return Spot{frame.right + 20, frame.top + 12 + static_cast<double>(i) * kLegendLine};
  };
  std::size_t next = chart.lines.size();
  for (const Mark& mark : chart.marks) {
    const Spot at = frame.at(mark.at);
    if (mark.name.empty()) continue;
    const Colour colour = kColours[next % kColours.size()];
    const Spot entry = legend_place(next++);
    sheet.line({at}, 15, colour);
    sheet.line({{entry.x + 12, entry.y}}, 15, colour);
    sheet.text({entry.x + 34, entry.y + kText * 0.35}, shortened(mark.name, most_letters), kText,
               Anchor::left, kInk);
  }
  for (const Mark& mark : chart.marks) {
    if (!mark.name.empty()) continue;
    const Spot at = frame.at(mark.at);
    sheet.line({at}, 7, kInk);
    sheet.text({at.x, at.y - 12}, mark.label, kText * 0.85, Anchor::middle, kInk);
  }
  for (std::size_t i = 0; i < chart.lines.size(); ++i) {
    const Colour colour = kColours[i % kColours.size()];
    const bool dashed = i / kColours.size() % 2 == 1;
    draw_line(sheet, frame, chart.lines[i], colour, dashed);
    const auto [x, y] = legend_place(i);
    if (i < kLegendMost || entries == kLegendMost + 1) {
      sheet.line({{x, y}, {x + (dashed ? 8 : 24), y}}, 2.6, colour);
      if (dashed) sheet.line({{x + 16, y}, {x + 24, y}}, 2.6, colour);
      sheet.text({x + 34, y + kText * 0.35}, shortened(chart.lines[i].name, most_letters), kText,
                 Anchor::left, kInk);
    } else if (i == kLegendMost) {
      sheet.text({x, y + kText * 0.35}, "and " + std::to_string(chart.lines.size() - i) + " more", kText,
                 Anchor::left, kInk);
    }
  }
}

}  // namespace saddle::cli
