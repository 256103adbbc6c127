// Sizes of pictures that the convolutional models share.
#pragma once
#include <saddle/nn.hpp>

#pragma GCC visibility push(hidden)
namespace saddle {

// How often the side of square pictures halves before it is odd or would fall below 4. 0 where that cannot
// be: points, oblong pictures, sides that are below 8 or no multiple of 4.
inline int halvings(const std::vector<int64_t>& shape) {
  if (shape.size() != 3 || shape[1] != shape[2] || shape[1] % 4 != 0) return 0;
  int n = 0;
  for (int64_t side = shape[1]; side % 2 == 0 && side >= 8; side /= 2) ++n;
  return n;
}

// "samples of 1 x 28 x 28".
inline std::string samples_of(const std::vector<int64_t>& shape) {
  std::string text;
  for (const int64_t s : shape) text += (text.empty() ? "samples of " : " x ") + std::to_string(s);
  return text;
}

}  // namespace saddle
#pragma GCC visibility pop
