#include <catch2/catch.hpp>

#include <cmath>
#include <sstream>

#include <cli/plot.hpp>
#include <cli/table.hpp>

using namespace saddle::cli;

namespace {

std::vector<std::string> lines(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> result;
  for (std::string line; std::getline(stream, line);) result.push_back(line);
  return result;
}

// Rows of the picture that hold a dot: U+2800 to U+28FF begin with E2 A0 to E2 A3.
std::vector<bool> inked(const std::string& picture) {
  std::vector<bool> rows;
  for (const std::string& line : lines(picture)) {
    bool dot = false;
    for (const char* second : {"\xA0", "\xA1", "\xA2", "\xA3"})
      dot = dot || line.find("\xE2" + std::string(second)) != std::string::npos;
    rows.push_back(dot);
  }
  return rows;
}

}  // namespace

TEST_CASE("a rising line goes from the lower left to the upper right") {
  const std::vector<Point> points{{0, 0}, {100, 1}};
  const std::string picture = plot({points}, {0, 100}, range_of_y(points), {.width = 40, .height = 10});
  const auto text = lines(picture);
  REQUIRE(text.size() == 10);
  for (const std::string& line : text) CHECK(text_width(line) <= 40);
  CHECK(text.front().find("1 ┤") != std::string::npos);
  CHECK(text[7].find("0 ┤") != std::string::npos);
  CHECK(text.back().find("100") == text.back().size() - 3);
  // Every row is crossed; the first one near its end, the last one at its beginning.
  const auto rows = inked(picture);
  for (int row = 0; row < 8; ++row) CHECK(rows[static_cast<std::size_t>(row)]);
  CHECK(text_width(text.front()) > text_width(text[7]));
}

TEST_CASE("values that are not finite are gaps") {
  const std::vector<Point> points{{0, 0}, {1, 0}, {2, std::nan("")}, {3, INFINITY}, {4, 1}, {5, 1}};
  const Range y = range_of_y(points);
  CHECK(y.low == 0);
  CHECK(y.high == 1);
  const auto rows = inked(plot({points}, {0, 5}, y, {.width = 40, .height = 10}));
  CHECK(rows[0]);
  CHECK(rows[7]);
  for (std::size_t row = 1; row < 7; ++row) CHECK_FALSE(rows[row]);
}

TEST_CASE("a constant, a single point and no finite point have a picture") {
  for (const std::vector<Point>& points : {std::vector<Point>{{0, 3}, {1, 3}}, std::vector<Point>{{7, 3}},
                                           std::vector<Point>{{7, std::nan("")}}})
    CHECK(lines(plot({points}, {points.front().x, points.back().x}, range_of_y(points),
                     {.width = 30, .height = 8}))
              .size() == 8);
}

TEST_CASE("several curves share one picture, told apart by letters, or colours too") {
  const std::vector<std::vector<Point>> curves{
      {{0, 0}, {100, 1}}, {{0, 1}, {100, 0}}, {{0, 0.5}, {100, 0.5}}};
  const std::string picture = plot(curves, {0, 100}, {0, 1}, {.width = 80, .height = 20});
  const auto text = lines(picture);
  for (const std::string& line : text) CHECK(text_width(line) <= 80);
  for (const char* letter : {"A", "B", "C"}) CHECK(picture.find(letter) != std::string::npos);
  CHECK(picture.find("D") == std::string::npos);
  CHECK(picture.find("\x1b[") == std::string::npos);
  // The rising one begins at the lower left, the falling one at the upper left, its letter two columns on.
  CHECK(text[17].find('A') < 20);
  CHECK(text[1].find('B') < 20);
  const std::string in_colours = plot(curves, {0, 100}, {0, 1}, {.width = 80, .height = 20, .colours = true});
  CHECK(in_colours.find("\x1b[36m") != std::string::npos);
  CHECK(in_colours.find("\x1b[31m") != std::string::npos);
  CHECK(plot({curves[0]}, {0, 100}, {0, 1}).find('A') == std::string::npos);
}

TEST_CASE("on a logarithmic axis factors are distances") {
  const std::vector<Point> points{{0, 1}, {1, 10}, {2, 100}, {3, -5}, {4, 1000}};
  const Range y = range_of_y(points, true);
  CHECK(y.low == 1);
  CHECK(y.high == 1000);
  const auto text = lines(plot({points}, {0, 4}, y, {.width = 40, .height = 18, .logarithmic = true}));
  CHECK(text[8].find("31.62 ┤") != std::string::npos);
  CHECK(range_of_y({{0, -1}}, true).low == 1);
}
