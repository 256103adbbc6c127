#include "image.hpp"

// jpeglib.h uses size_t and FILE without including their headers.
#include <csetjmp>
#include <cstdio>

#include <jpeglib.h>

#include <jerror.h>

namespace saddle {
namespace {

// Lives in the caller's frame, so that what it holds is defined after a longjmp and destroyed by C++.
struct Decoder {
  jpeg_decompress_struct jpeg{};
  jpeg_error_mgr errors{};
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX] = "";
  Image image;
  ~Decoder() { jpeg_destroy_decompress(&jpeg); }
};

[[noreturn]] void on_error(j_common_ptr jpeg) {
  auto* d = static_cast<Decoder*>(jpeg->client_data);
  jpeg->err->format_message(jpeg, d->message);
  std::longjmp(d->jump, 1);
}
// libjpeg goes on with grey pixels where data are missing: for us that is an error, except for what leaves
// the picture whole.
void on_message(j_common_ptr jpeg, int level) {
  if (level >= 0) return;
  switch (jpeg->err->msg_code) {
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_JFIF_MAJOR:
    case JWRN_ADOBE_XFORM:
      return;
    default:
      on_error(jpeg);
  }
}

// The two halves return false when libjpeg failed. Nothing with a destructor may live in them.
bool read_header(Decoder& d, const uint8_t* data, size_t size) {
  if (setjmp(d.jump)) return false;
  jpeg_create_decompress(&d.jpeg);
  jpeg_mem_src(&d.jpeg, data, size);
  jpeg_read_header(&d.jpeg, TRUE);
  const bool cmyk = d.jpeg.jpeg_color_space == JCS_CMYK || d.jpeg.jpeg_color_space == JCS_YCCK;
  d.jpeg.out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
  jpeg_calc_output_dimensions(&d.jpeg);
  d.image.width = d.jpeg.output_width;
  d.image.height = d.jpeg.output_height;
  d.image.channels = d.jpeg.output_components;
  return true;
}
bool read_pixels(Decoder& d) {
  if (setjmp(d.jump)) return false;
  jpeg_start_decompress(&d.jpeg);
  while (d.jpeg.output_scanline < d.jpeg.output_height) {
    JSAMPROW row = d.image.pixels.data() +
                   static_cast<size_t>(d.jpeg.output_scanline * d.image.width * d.image.channels);
    jpeg_read_scanlines(&d.jpeg, &row, 1);
  }
  jpeg_finish_decompress(&d.jpeg);
  return true;
}

// Adobe stores CMYK inverted.
Image to_rgb(const Image& cmyk, bool inverted) {
  Image rgb{cmyk.width, cmyk.height, 3, {}};
  rgb.pixels.reserve(cmyk.pixels.size() / 4 * 3);
  for (size_t i = 0; i < cmyk.pixels.size(); i += 4) {
    const uint8_t* p = cmyk.pixels.data() + i;
    const int k = inverted ? p[3] : 255 - p[3];
    for (int c = 0; c < 3; ++c)
      rgb.pixels.push_back(static_cast<uint8_t>(((inverted ? p[c] : 255 - p[c]) * k + 127) / 255));
  }
  return rgb;
}

}  // namespace

Image decode_jpeg(std::span<const uint8_t> file) {
  Decoder d;
  d.jpeg.err = jpeg_std_error(&d.errors);
  d.jpeg.client_data = &d;
  d.errors.error_exit = on_error;
  d.errors.emit_message = on_message;
  if (!read_header(d, file.data(), file.size()))
    throw Error(std::string("not a whole JPEG picture: ") + d.message);
  if (d.image.width * d.image.height > kMostPixels) throw Error("the JPEG picture has too many pixels");
  d.image.pixels.resize(static_cast<size_t>(d.image.width * d.image.height * d.image.channels));
  if (!read_pixels(d)) throw Error(std::string("not a whole JPEG picture: ") + d.message);
  return d.image.channels == 4 ? to_rgb(d.image, d.jpeg.saw_Adobe_marker) : std::move(d.image);
}

}  // namespace saddle
