#include "image.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace saddle {
namespace {

double sinc(double x) { return x == 0 ? 1 : std::sin(std::numbers::pi * x) / (std::numbers::pi * x); }

double support(Filter filter) {
  switch (filter) {
    case Filter::box:
      return 0.5;
    case Filter::bilinear:
      return 1;
    case Filter::bicubic:
      return 2;
    default:
      return 3;
  }
}

double weight(Filter filter, double x) {
  const double a = std::abs(x);
  switch (filter) {
    case Filter::box:
      return x > -0.5 && x <= 0.5 ? 1 : 0;
    case Filter::bilinear:
      return a < 1 ? 1 - a : 0;
    case Filter::bicubic:  // Keys 1981, a = -0.5
      if (a < 1) return (1.5 * a - 2.5) * a * a + 1;
      return a < 2 ? ((-0.5 * a + 2.5) * a - 4) * a + 2 : 0;
    default:
      return a < 3 ? sinc(x) * sinc(x / 3) : 0;
  }
}

// Which inputs make one output, and how much of each.
struct Taps {
  int64_t first;
  std::vector<float> weights;
};

// Outputs 0 .. size - 1 cover the inputs from `begin` to `begin + extent` of `count`.
std::vector<Taps> taps(int64_t count, double begin, double extent, int64_t size, Filter filter) {
  const double scale = extent / static_cast<double>(size), stretch = std::max(scale, 1.0);
  const double reach = support(filter) * stretch;
  std::vector<Taps> all;
  for (int64_t i = 0; i < size; ++i) {
    const double center = begin + (static_cast<double>(i) + 0.5) * scale;
    Taps t;
    t.first = std::max<int64_t>(0, static_cast<int64_t>(std::floor(center - reach + 0.5)));
    const int64_t end = std::min(count, static_cast<int64_t>(std::floor(center + reach + 0.5)));
    double sum = 0;
    std::vector<double> weights;
    for (int64_t k = t.first; k < end; ++k) {
      weights.push_back(weight(filter, (static_cast<double>(k) - center + 0.5) / stretch));
      sum += weights.back();
    }
    for (const double w : weights) t.weights.push_back(static_cast<float>(w / sum));
    all.push_back(std::move(t));
  }
  return all;
}

uint8_t to_byte(float v) { return static_cast<uint8_t>(std::clamp(std::floor(v + 0.5f), 0.0f, 255.0f)); }

}  // namespace

Filter filter_named(std::string_view name) {
  if (name == "box") return Filter::box;
  if (name == "bilinear") return Filter::bilinear;
  return name == "bicubic" ? Filter::bicubic : Filter::lanczos;
}

Image to_channels(const Image& image, int64_t channels) {
  Image out{image.width, image.height, channels, {}};
  const auto from = static_cast<size_t>(image.channels);
  out.pixels.reserve(static_cast<size_t>(image.width * image.height * channels));
  for (size_t i = 0; i < image.pixels.size(); i += from) {
    const uint8_t* p = image.pixels.data() + i;
    int rgb[3] = {p[0], p[1], p[2]};
    if (from == 4)
      for (int& c : rgb) c = (c * p[3] + 255 * (255 - p[3]) + 127) / 255;
    if (channels == 1)
      out.pixels.push_back(
          static_cast<uint8_t>((rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16));
    else
      for (const int c : rgb) out.pixels.push_back(static_cast<uint8_t>(c));
  }
  return out;
}

Image resize_square(const Image& image, int64_t size, Filter filter) {
  const int64_t side = std::min(image.width, image.height), channels = image.channels;
  if (image.width == size && image.height == size) return image;
  const auto extent = static_cast<double>(side);
  const auto columns = taps(image.width, static_cast<double>(image.width - side) / 2, extent, size, filter);
  const auto lines = taps(image.height, static_cast<double>(image.height - side) / 2, extent, size, filter);

  // Across, only the lines that are needed, then down; bytes in between, since Pillow's are.
  const int64_t top = lines.front().first;
  const int64_t bottom = lines.back().first + static_cast<int64_t>(lines.back().weights.size());
  std::vector<uint8_t> narrow(static_cast<size_t>((bottom - top) * size * channels));
  uint8_t* to = narrow.data();
  for (int64_t y = top; y < bottom; ++y)
    for (const Taps& t : columns)
      for (int64_t c = 0; c < channels; ++c) {
        const uint8_t* from = image.pixels.data() + (y * image.width + t.first) * channels + c;
        float sum = 0;
        for (const float w : t.weights) {
          sum += w * static_cast<float>(*from);
          from += channels;
        }
        *to++ = to_byte(sum);
      }
  Image out{size, size, channels, {}};
  out.pixels.reserve(static_cast<size_t>(size * size * channels));
  for (const Taps& t : lines)
    for (int64_t x = 0; x < size * channels; ++x) {
      const uint8_t* from = narrow.data() + (t.first - top) * size * channels + x;
      float sum = 0;
      for (const float w : t.weights) {
        sum += w * static_cast<float>(*from);
        from += size * channels;
      }
      out.pixels.push_back(to_byte(sum));
    }
  return out;
}

}  // namespace saddle
