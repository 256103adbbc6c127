#include "image.hpp"

#include <webp/decode.h>

namespace saddle {

Image decode_webp(std::span<const uint8_t> file) {
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(file.data(), file.size(), &features) != VP8_STATUS_OK)
    throw Error("not a whole WebP picture");
  if (features.has_animation) throw Error("the WebP picture is an animation");
  Image image{features.width, features.height, features.has_alpha ? 4 : 3, {}};  // at most 16383 x 16383
  image.pixels.resize(static_cast<size_t>(image.width * image.height * image.channels));
  const auto stride = static_cast<int>(image.width * image.channels);
  const auto into = features.has_alpha ? WebPDecodeRGBAInto : WebPDecodeRGBInto;
  if (!into(file.data(), file.size(), image.pixels.data(), image.pixels.size(), stride))
    throw Error("not a whole WebP picture");
  return image;
}

}  // namespace saddle
