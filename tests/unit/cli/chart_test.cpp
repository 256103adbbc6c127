#include <catch2/catch.hpp>

#include <png.h>

#include <cmath>
#include <set>

#include <cli/chart.hpp>
#include <cli/glyphs.hpp>

using namespace saddle::cli;

namespace {

struct Image {
  int width = 0, height = 0;
  std::vector<std::uint8_t> pixels;  // red, green, blue

  bool near(int x, int y, Colour c) const {
    const std::uint8_t* p = &pixels[static_cast<std::size_t>((y * width + x) * 3)];
    return std::abs(p[0] - c.red) + std::abs(p[1] - c.green) + std::abs(p[2] - c.blue) < 30;
  }
  // Rows of a column of pixels that have about this colour.
  std::vector<int> rows(int x, Colour c) const {
    std::vector<int> found;
    for (int y = 0; y < height; ++y)
      if (near(x, y, c)) found.push_back(y);
    return found;
  }
};

Image decoded(const std::string& file) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  REQUIRE(png_image_begin_read_from_memory(&image, file.data(), file.size()) != 0);
  image.format = PNG_FORMAT_RGB;
  Image result{static_cast<int>(image.width), static_cast<int>(image.height), {}};
  result.pixels.resize(PNG_IMAGE_SIZE(image));
  REQUIRE(png_image_finish_read(&image, nullptr, result.pixels.data(), 0, nullptr) != 0);
  return result;
}

Image drawn(const Chart& chart) {
  const auto sheet = make_png_sheet(kChartWidth, kChartHeight);
  draw(*sheet, chart);
  return decoded(sheet->bytes());
}

std::string svg(const Chart& chart) {
  const auto sheet = make_svg_sheet(kChartWidth, kChartHeight);
  draw(*sheet, chart);
  return sheet->bytes();
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

constexpr Colour kFirst{0, 114, 178}, kSecond{213, 94, 0};

std::vector<std::string> labels(const std::vector<Tick>& all) {
  std::vector<std::string> result;
  for (const Tick& tick : all) result.push_back(tick.label);
  return result;
}

}  // namespace

TEST_CASE("a PNG has each curve in its colour, where its values are") {
  const Image image =
      drawn({"frechet", "step", {{"falling", {{0, 10}, {100, 0}}}, {"low", {{0, 2}, {100, 2}}}}, false});
  CHECK(image.width == kChartWidth);
  CHECK(image.height == kChartHeight);
  const auto left = image.rows(150, kFirst), right = image.rows(800, kFirst), low = image.rows(300, kSecond);
  REQUIRE_FALSE(left.empty());
  REQUIRE_FALSE(right.empty());
  REQUIRE_FALSE(low.empty());
  CHECK(left.front() < right.front());
  CHECK(low.front() > left.front());
  CHECK(low.size() <= 4);  // a level line is thin
  // The legend, in the same colours.
  bool legend = false;
  for (int x = kChartWidth - 350; x < kChartWidth - 60; ++x) legend = legend || image.near(x, 70, kFirst);
  CHECK(legend);
}

TEST_CASE("gaps stay gaps, and a single point can be seen") {
  const double nan = std::nan("");
  const Image image = drawn({"m", "step", {{"a", {{0, 1}, {10, 1}, {20, nan}, {90, 1}, {100, 2}}}}, false});
  CHECK(image.rows(450, kFirst).empty());
  const Image point = drawn({"m", "step", {{"a", {{5, 1}}}}, false});
  bool seen = false;
  for (int x = 50; x < 850; ++x) seen = seen || !point.rows(x, kFirst).empty();
  CHECK(seen);
  CHECK_NOTHROW(drawn({"m", "step", {{"a", {{5, nan}}}}, true}));
  CHECK_NOTHROW(drawn({"m", "step", {}, false}));
}

TEST_CASE("of 100,000 points the peaks are drawn") {
  Line line{"spiky", {}};
  for (int i = 0; i < 100'000; ++i)
    line.points.push_back({static_cast<double>(i), i == 54'321 ? 100.0 : 1.0});
  const Chart chart{"m", "step", {line}, false};
  const Image image = drawn(chart);
  int top = image.height;
  for (int x = 80; x < 850; ++x)
    for (const int y : image.rows(x, kFirst)) top = std::min(top, y);
  CHECK(top < 80);
  CHECK(svg(chart).size() < 200'000);
}

TEST_CASE("an SVG says the same in text") {
  const std::string text = svg({"a < b & c", "step", {{"trial", {{0, 10}, {1000, 0.5}}}}, false});
  CHECK(text.starts_with("<svg xmlns"));
  CHECK(has(text, ">a &lt; b &amp; c</text>"));
  CHECK(has(text, ">trial</text>"));
  CHECK(has(text, ">1000</text>"));
  CHECK(has(text, "#0072b2"));
  CHECK(has(text, "</svg>"));
}

TEST_CASE("many curves: dashes after the colours, and the legend ends with how many more") {
  Chart chart{"m", "step", {}, false};
  for (int i = 0; i < 30; ++i)
    chart.lines.push_back({"trial-" + std::to_string(i), {{0, static_cast<double>(i)}, {10, i + 1.0}}});
  const std::string text = svg(chart);
  CHECK(has(text, ">trial-23</text>"));
  CHECK_FALSE(has(text, ">trial-24</text>"));
  CHECK(has(text, ">and 6 more</text>"));
}

TEST_CASE("ticks are round") {
  CHECK(labels(ticks({0, 1000}, 8, false)) ==
        std::vector<std::string>{"0", "200", "400", "600", "800", "1000"});
  CHECK(labels(ticks({0.1, 0.72}, 7, false)) ==
        std::vector<std::string>{"0.1000", "0.2000", "0.3000", "0.4000", "0.5000", "0.6000", "0.7000"});
  CHECK(labels(ticks({-3, 3}, 7, false)) == std::vector<std::string>{"-3", "-2", "-1", "0", "1", "2", "3"});
  CHECK(labels(ticks({1, 10000}, 7, true)) == std::vector<std::string>{"1", "10", "100", "1000", "10000"});
  CHECK(labels(ticks({3, 30}, 7, true)) == std::vector<std::string>{"5", "10", "20"});
  CHECK(ticks({5, 5}, 7, false).size() == 1);
  CHECK(ticks({1e300, 2e300}, 7, false).size() >= 3);
  CHECK(ticks({1e-300, 2e-300}, 7, false).size() >= 3);
}

TEST_CASE("every sign of ASCII has strokes of its own") {
  std::set<std::string> seen;
  for (char c = '!'; c <= '~'; ++c) {
    INFO(c);
    const std::string strokes(glyph(c));
    CHECK_FALSE(strokes.empty());
    CHECK(seen.insert(strokes).second);
    for (std::size_t i = 0; i < strokes.size(); i += 2) {
      if (strokes[i] == ' ') ++i;
      REQUIRE(i + 1 < strokes.size());
      CHECK((strokes[i] >= '0' && strokes[i] <= '4'));
      CHECK((strokes[i + 1] >= '0' && strokes[i + 1] <= '8'));
    }
  }
  CHECK(glyph(' ').empty());
  CHECK(glyph('\n') == glyph('?'));
  CHECK(glyph('\xC3') == glyph('?'));
}

TEST_CASE("marks are dots on the axes of the lines, named in the legend or labelled where they are") {
  Chart chart{.title = "t", .x_title = "x", .lines = {{"curve", {{0, 0}, {1, 1}, {2, 0}}}}};
  const std::string without = svg(chart);
  chart.marks = {{{1, 1}, "", "0.25"}, {{2, 0}, "best", ""}};
  const std::string with = svg(chart);
  for (const char* text : {">0.25<", ">best<"}) {
    CHECK_FALSE(has(without, text));
    CHECK(has(with, text));
  }
  // The named one is as large as a dot, in the second colour.
  const Image image = drawn(chart);
  std::size_t columns = 0;
  for (int x = 0; x < image.width; ++x) columns += image.rows(x, kSecond).size() > 8;
  CHECK(columns >= 2 * 8);  // on the curve and in the legend
}
