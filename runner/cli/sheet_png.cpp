#include <png.h>

#include <algorithm>
#include <cmath>

#include <cli/glyphs.hpp>
#include <cli/sheet.hpp>
#include <common/error.hpp>

namespace saddle::cli {
namespace {

// Of a letter's grid, in parts of the text size: capitals are 0.72 high.
constexpr double kRow = 0.72 / kGlyphRows, kColumn = 0.095;
constexpr double kPen = 0.085;

double distance(Spot p, Spot a, Spot b) {
  const double dx = b.x - a.x, dy = b.y - a.y, length = dx * dx + dy * dy;
  const double t = length > 0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / length, 0.0, 1.0) : 0;
  return std::hypot(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

// Anti-aliased by the distance of each pixel from the pen's path: no library of
// drawing and no font file is needed for a few lines and labels.
class PngSheet : public Sheet {
 public:
  PngSheet(int width, int height)
      : width_(width), height_(height), pixels_(static_cast<std::size_t>(width * height * 3), 255) {}

  void line(const std::vector<Spot>& spots, double width, Colour colour) override {
    // Where segments meet they overlap: a pixel gets the most that any gives it.
    cover_.clear();
    if (spots.size() == 1) stroke(spots[0], spots[0], width / 2);
    for (std::size_t i = 1; i < spots.size(); ++i) stroke(spots[i - 1], spots[i], width / 2);
    for (const auto& [pixel, part] : sorted_cover()) blend(pixel, part, colour);
  }

  void text(Spot at, const std::string& text, double size, Anchor anchor, Colour colour) override {
    const double width = text_width(text, size);
    at.x -= anchor == Anchor::left ? 0 : anchor == Anchor::middle ? width / 2 : width;
    for (const char c : text) {
      std::vector<Spot> spots;
      const auto draw = [&] {
        if (!spots.empty()) line(spots, kPen * size, colour);
        spots.clear();
      };
      const std::string_view strokes = glyph(c);
      for (std::size_t i = 0; i < strokes.size(); i += 2) {
        if (strokes[i] == ' ') {
          draw();
          ++i;
        }
        spots.push_back({at.x + (strokes[i] - '0') * kColumn * size,
                         at.y + (strokes[i + 1] - '0' - kGlyphRows) * kRow * size});
      }
      draw();
      at.x += kGlyphAdvance * kColumn * size;
    }
  }

  std::string bytes() const override {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    image.width = static_cast<png_uint_32>(width_);
    image.height = static_cast<png_uint_32>(height_);
    image.format = PNG_FORMAT_RGB;
    png_alloc_size_t size = 0;
    std::string file;
    if (png_image_write_to_memory(&image, nullptr, &size, 0, pixels_.data(), 0, nullptr) != 0) {
      file.resize(size);
      if (png_image_write_to_memory(&image, file.data(), &size, 0, pixels_.data(), 0, nullptr) != 0) {
        file.resize(size);
        return file;
      }
    }
    throw Error(std::string("cannot make the PNG: ") + image.message, kEnvironment);
  }

 private:
  struct Covered {
    std::size_t pixel;
    float part;
  };

  void stroke(Spot a, Spot b, double radius) {
    const int left = std::max(0, static_cast<int>(std::min(a.x, b.x) - radius - 1)),
              right = std::min(width_ - 1, static_cast<int>(std::max(a.x, b.x) + radius + 1)),
              top = std::max(0, static_cast<int>(std::min(a.y, b.y) - radius - 1)),
              bottom = std::min(height_ - 1, static_cast<int>(std::max(a.y, b.y) + radius + 1));
    for (int y = top; y <= bottom; ++y)
      for (int x = left; x <= right; ++x) {
        const double part = std::clamp(radius + 0.5 - distance({x + 0.5, y + 0.5}, a, b), 0.0, 1.0);
        if (part > 0) cover_.push_back({static_cast<std::size_t>(y * width_ + x), static_cast<float>(part)});
      }
  }

  std::vector<std::pair<std::size_t, float>> sorted_cover() {
    std::sort(cover_.begin(), cover_.end(), [](const Covered& a, const Covered& b) {
      return a.pixel != b.pixel ? a.pixel < b.pixel : a.part > b.part;
    });
    std::vector<std::pair<std::size_t, float>> most;
    for (const Covered& c : cover_)
      if (most.empty() || most.back().first != c.pixel) most.emplace_back(c.pixel, c.part);
    return most;
  }

  void blend(std::size_t pixel, double part, Colour colour) {
    std::uint8_t* at = &pixels_[pixel * 3];
    for (const std::uint8_t wanted : {colour.red, colour.green, colour.blue}) {
      *at = static_cast<std::uint8_t>(std::lround(*at + part * (wanted - *at)));
      ++at;
    }
  }

  int width_, height_;
  std::vector<std::uint8_t> pixels_;  // red, green, blue
  std::vector<Covered> cover_;        // of the line being drawn
};

}  // namespace

double text_width(const std::string& text, double size) {
  return text.empty()
             ? 0
             : (static_cast<double>(text.size()) * kGlyphAdvance - (kGlyphAdvance - 4)) * kColumn * size;
}

std::unique_ptr<Sheet> make_png_sheet(int width, int height) {
  return std::make_unique<PngSheet>(width, height);
}

}  // namespace saddle::cli
