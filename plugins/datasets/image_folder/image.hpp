// Decoding and resizing of pictures. Errors say what is wrong; the caller adds the file's name.
#pragma once
#include <saddle/tensor.hpp>

#include <string_view>

namespace saddle {

// Eight bits a channel, channels interleaved, rows from the top.
struct Image {
  int64_t width = 0, height = 0, channels = 0;
  std::vector<uint8_t> pixels;
};

// Pictures of more pixels than this are taken for damaged files.
constexpr int64_t kMostPixels = int64_t{1} << 28;

// RGBA. Palettes, grey, 1 to 16 bits, transparency and interlacing are resolved; gamma and colour profiles
// are ignored.
Image decode_png(std::span<const uint8_t> file);
// RGB. CMYK is converted without a profile; EXIF rotation is ignored.
Image decode_jpeg(std::span<const uint8_t> file);
// RGB, or RGBA where it has transparency. Only with webp.cpp.
Image decode_webp(std::span<const uint8_t> file);

// Three channels or one; transparent parts are laid on white. Grey is ITU-R 601 luma, as Pillow computes it.
Image to_channels(const Image& image, int64_t channels);

enum class Filter { box, bilinear, bicubic, lanczos };
Filter filter_named(std::string_view name);

// The central square, resized to size x size. The filter widens with the scale (antialiasing); the result is
// that of Pillow's resize with a box, to within one of 255.
Image resize_square(const Image& image, int64_t size, Filter filter);

}  // namespace saddle
