#include "drawing.hpp"

#include <ft2build.h>
#include FT_FREETYPE_H
#include <hb-ft.h>

#include <algorithm>
#include <cmath>

#include "../files.hpp"

namespace saddle::emoji {
namespace {

constexpr const char* kRemedy =
    "The font is in Debian's package fonts-noto-color-emoji; or set the parameter `font`";

// A square picture of three channels, in double, 0 to 255.
struct Canvas {
  explicit Canvas(int side)
      : side(side), pixels(3 * static_cast<size_t>(side) * static_cast<size_t>(side), 255.0) {}
  double& at(int channel, int y, int x) {
    return pixels[(static_cast<size_t>(channel) * static_cast<size_t>(side) + static_cast<size_t>(y)) *
                      static_cast<size_t>(side) +
                  static_cast<size_t>(x)];
  }
  int side;
  std::vector<double> pixels;
};

// The bitmap (premultiplied BGRA) in the middle of a white square.
Canvas on_white(const FT_Bitmap& bitmap) {
  const int width = static_cast<int>(bitmap.width), height = static_cast<int>(bitmap.rows);
  Canvas canvas(std::max(width, height));
  const int top = (canvas.side - height) / 2, left = (canvas.side - width) / 2;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const unsigned char* p = bitmap.buffer + y * bitmap.pitch + 4 * x;
      for (int c = 0; c < 3; ++c) canvas.at(c, top + y, left + x) = p[2 - c] + 255.0 - p[3];
    }
  return canvas;
}

// What each place of a side of `to` covers of a side of `from`: index and share, shares summing to 1.
std::vector<std::vector<std::pair<int, double>>> coverage(int from, int to) {
  std::vector<std::vector<std::pair<int, double>>> shares(static_cast<size_t>(to));
  const double scale = static_cast<double>(from) / to;
  for (int i = 0; i < to; ++i) {
    const double begin = i * scale, end = (i + 1) * scale;
    for (int j = static_cast<int>(begin); j < from && j < end; ++j) {
      const double covered = std::min(end, j + 1.0) - std::max(begin, static_cast<double>(j));
      if (covered > 0) shares[static_cast<size_t>(i)].emplace_back(j, covered / scale);
    }
  }
  return shares;
}

// Averages over the area that each pixel covers.
std::vector<uint8_t> scaled(Canvas& from, int side) {
  const auto shares = coverage(from.side, side);
  std::vector<uint8_t> out;
  out.reserve(3 * static_cast<size_t>(side) * static_cast<size_t>(side));
  for (int c = 0; c < 3; ++c)
    for (const auto& rows : shares)
      for (const auto& columns : shares) {
        double sum = 0;
        for (const auto& [y, down] : rows)
          for (const auto& [x, across] : columns) sum += down * across * from.at(c, y, x);
        out.push_back(static_cast<uint8_t>(std::clamp(std::lround(sum), 0L, 255L)));
      }
  return out;
}

}  // namespace

struct Font::Handles {
  FT_Library library = nullptr;
  FT_Face face = nullptr;
  hb_font_t* font = nullptr;
  hb_buffer_t* buffer = hb_buffer_create();
  ~Handles() {
    hb_buffer_destroy(buffer);
    if (font) hb_font_destroy(font);
    if (face) FT_Done_Face(face);
    if (library) FT_Done_FreeType(library);
  }
};

Font::Font(const std::filesystem::path& file) : handles_(std::make_unique<Handles>()) {
  if (!std::filesystem::exists(file)) files::fail(file, "there is no such file", kRemedy);
  if (FT_Init_FreeType(&handles_->library) != 0) throw Error("FreeType cannot be started");
  if (FT_New_Face(handles_->library, file.c_str(), 0, &handles_->face) != 0)
    files::fail(file, "this is no font that FreeType can read", kRemedy);
  if (!FT_HAS_COLOR(handles_->face) || handles_->face->num_fixed_sizes < 1 ||
      FT_Select_Size(handles_->face, handles_->face->num_fixed_sizes - 1) != 0)
    files::fail(file, "this font has no colour bitmaps", kRemedy);
  handles_->font = hb_ft_font_create_referenced(handles_->face);
}

Font::~Font() = default;

std::optional<std::vector<uint8_t>> Font::draw(const std::vector<char32_t>& sequence, int side) {
  hb_buffer_t* buffer = handles_->buffer;
  hb_buffer_reset(buffer);
  hb_buffer_add_utf32(buffer, reinterpret_cast<const uint32_t*>(sequence.data()),
                      static_cast<int>(sequence.size()), 0, static_cast<int>(sequence.size()));
  hb_buffer_guess_segment_properties(buffer);
  hb_shape(handles_->font, buffer, nullptr, 0);
  unsigned count = 0;
  const hb_glyph_info_t* glyphs = hb_buffer_get_glyph_infos(buffer, &count);
  // Several glyphs: a sequence that this font does not know as one picture.
  if (count != 1 || glyphs[0].codepoint == 0) return std::nullopt;
  if (FT_Load_Glyph(handles_->face, glyphs[0].codepoint, FT_LOAD_COLOR) != 0) return std::nullopt;
  const FT_Bitmap& bitmap = handles_->face->glyph->bitmap;
  if (bitmap.pixel_mode != FT_PIXEL_MODE_BGRA || bitmap.width == 0 || bitmap.rows == 0) return std::nullopt;
  Canvas canvas = on_white(bitmap);
  return scaled(canvas, side);
}

}  // namespace saddle::emoji
