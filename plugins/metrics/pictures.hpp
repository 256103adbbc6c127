// For metrics that look at pictures themselves.
#pragma once
#include "features.hpp"

#pragma GCC visibility push(hidden)
namespace saddle {

struct PictureShape {
  int64_t channels = 0, height = 0, width = 0;
  int64_t side() const { return std::min(height, width); }
};

inline PictureShape picture_shape(const Builder& b, const char* what) {
  const std::vector<int64_t> shape = b.sample_shape();
  if (shape.size() != 3) throw Error(std::string(what) + " is for pictures; the data set has points");
  return {shape[0], shape[1], shape[2]};
}
// Rows of pixels as pictures, [count, channels, height, width].
inline Tensor pictures(const Tensor& x, const PictureShape& s, const char* metric) {
  if (x.size(1) != s.channels * s.height * s.width)
    throw Error(std::string(metric) + " measures pictures of " + std::to_string(s.channels) + " x " +
                std::to_string(s.height) + " x " + std::to_string(s.width) + ", not features of " +
                std::to_string(x.size(1)) + ": leave `features` at \"pixels\"");
  return reshape(x, {x.size(0), s.channels, s.height, s.width});
}

}  // namespace saddle
#pragma GCC visibility pop
