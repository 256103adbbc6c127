#include "image.hpp"

#include <png.h>

#include <csetjmp>
#include <cstring>

namespace saddle {
namespace {

// Lives in the caller's frame, so that what it holds is defined after a longjmp and destroyed by C++.
struct Decoder {
  std::span<const uint8_t> file;
  size_t at = 0;
  char message[128] = "";
  Image image;
  std::vector<png_bytep> rows;
  png_structp png = nullptr;
  png_infop info = nullptr;
  ~Decoder() { png_destroy_read_struct(&png, &info, nullptr); }
};

[[noreturn]] void on_error(png_structp png, png_const_charp text) {
  auto* d = static_cast<Decoder*>(png_get_error_ptr(png));
  std::strncpy(d->message, text, sizeof d->message - 1);
  png_longjmp(png, 1);
}
void on_warning(png_structp, png_const_charp) {}
void on_read(png_structp png, png_bytep to, size_t n) {
  auto* d = static_cast<Decoder*>(png_get_io_ptr(png));
  if (n > d->file.size() - d->at) png_error(png, "the file is cut off");
  std::memcpy(to, d->file.data() + d->at, n);
  d->at += n;
}

// The two halves return false when libpng failed. Nothing with a destructor may live in them.
bool read_header(Decoder& d) {
  if (setjmp(png_jmpbuf(d.png))) return false;
  png_read_info(d.png, d.info);
  d.image.width = png_get_image_width(d.png, d.info);
  d.image.height = png_get_image_height(d.png, d.info);
  png_set_expand(d.png);
  png_set_scale_16(d.png);
  png_set_gray_to_rgb(d.png);
  png_set_add_alpha(d.png, 0xff, PNG_FILLER_AFTER);
  png_set_interlace_handling(d.png);
  return true;
}
bool read_pixels(Decoder& d) {
  if (setjmp(png_jmpbuf(d.png))) return false;
  png_read_update_info(d.png, d.info);
  if (png_get_rowbytes(d.png, d.info) != static_cast<size_t>(d.image.width) * 4)
    png_error(d.png, "its pixels cannot be converted to RGBA");
  png_read_image(d.png, d.rows.data());
  png_read_end(d.png, nullptr);
  return true;
}

}  // namespace

Image decode_png(std::span<const uint8_t> file) {
  Decoder d;
  d.file = file;
  d.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &d, on_error, on_warning);
  if (d.png) d.info = png_create_info_struct(d.png);
  if (!d.info) throw Error("libpng could not be started");
  png_set_read_fn(d.png, &d, on_read);
  if (!read_header(d)) throw Error(std::string("not a whole PNG picture: ") + d.message);
  if (d.image.width * d.image.height > kMostPixels) throw Error("the PNG picture has too many pixels");
  d.image.channels = 4;
  d.image.pixels.resize(static_cast<size_t>(d.image.width * d.image.height * 4));
  for (int64_t y = 0; y < d.image.height; ++y)
    d.rows.push_back(d.image.pixels.data() + static_cast<size_t>(y * d.image.width * 4));
  if (!read_pixels(d)) throw Error(std::string("not a whole PNG picture: ") + d.message);
  return std::move(d.image);
}

}  // namespace saddle
