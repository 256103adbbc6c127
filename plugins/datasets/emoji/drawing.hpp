// Emoji as pictures, from a colour bitmap font.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

namespace saddle::emoji {

class Font {
 public:
  // Throws saddle::Error when the file is no font with colour bitmaps.
  explicit Font(const std::filesystem::path& file);
  ~Font();

  // [3, side, side], 0 to 255, on white; nothing where the font has no single glyph for the sequence.
  std::optional<std::vector<uint8_t>> draw(const std::vector<char32_t>& sequence, int side);

 private:
  struct Handles;
  std::unique_ptr<Handles> handles_;
};

}  // namespace saddle::emoji
