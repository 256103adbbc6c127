#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

// What a chart is drawn on: a PNG or an SVG file.
namespace saddle::cli {

struct Colour {
  std::uint8_t red = 0, green = 0, blue = 0;
};

struct Spot {
  double x = 0, y = 0;  // from the upper left corner, y downwards, in pixels
};

enum class Anchor { left, middle, right };

class Sheet {
 public:
  virtual ~Sheet() = default;
  // Joined by straight lines, with round ends.
  virtual void line(const std::vector<Spot>& spots, double width, Colour colour) = 0;
  // One line of text; `at` is on its base line. ASCII; other signs become "?".
  virtual void text(Spot at, const std::string& text, double size, Anchor anchor, Colour colour) = 0;
  // The whole file.
  virtual std::string bytes() const = 0;
};

std::unique_ptr<Sheet> make_png_sheet(int width, int height);
std::unique_ptr<Sheet> make_svg_sheet(int width, int height);
// How wide text(...) is in a PNG; SVG uses the viewer's own font, which is about as wide.
double text_width(const std::string& text, double size);

}  // namespace saddle::cli
