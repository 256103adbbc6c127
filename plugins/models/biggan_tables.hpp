// Channels of BigGAN's networks (Brock et al. 2019, appendix B; BigGAN-PyTorch; PyTorch-StudioGAN), in units
// of `width`.
#pragma once
#include "pictures.hpp"
#include "residual.hpp"

#pragma GCC visibility push(hidden)
namespace saddle::blocks {

// 32: four widths everywhere. 64 and 128: as drawn for ImageNet, width next to the picture. Smaller sides,
// which no paper has: four widths, as for 32. `wide_start`, at 64: BigGAN-PyTorch's channels.
inline GeneratorTable biggan_generator(const std::vector<int64_t>& shape, int64_t width,
                                       bool wide_start = false) {
  std::vector<int64_t> multiples(halvings(shape) + 1, 4);
  if (shape[1] == 64) multiples = {16, 8, 4, 2, 1};
  if (shape[1] == 64 && wide_start) multiples = {16, 16, 8, 4, 2};
  if (shape[1] == 128) multiples = {16, 16, 8, 4, 2, 1};
  if (shape[1] == 256) multiples = {16, 16, 8, 8, 4, 2, 1};
  GeneratorTable table{shape[1] >> (multiples.size() - 1), multiples[0] * width, {}};
  for (size_t i = 1; i < multiples.size(); ++i) table.channels.push_back(multiples[i] * width);
  return table;
}

inline DiscriminatorTable biggan_discriminator(const std::vector<int64_t>& shape, int64_t width) {
  std::vector<int64_t> multiples;  // of the blocks that halve the side; one that does not follows
  if (shape[1] == 64) multiples = {1, 2, 4, 8};
  if (shape[1] == 128) multiples = {1, 2, 4, 8, 16};
  if (shape[1] == 256) multiples = {1, 2, 4, 8, 8, 16};
  DiscriminatorTable table;
  if (multiples.empty()) {
    const int downs = std::max(1, halvings(shape) - 1);
    for (int i = 0; i < downs + 2; ++i) table.blocks.push_back({4 * width, i < downs});
    return table;
  }
  for (const int64_t multiple : multiples) table.blocks.push_back({multiple * width, true});
  table.blocks.push_back({16 * width, false});
  return table;
}

inline void check_biggan_side(const std::vector<int64_t>& shape, const std::string& model) {
  const bool small = halvings(shape) > 0 && shape[1] <= 32;
  if (!small &&
      !(shape.size() == 3 && shape[1] == shape[2] && (shape[1] == 64 || shape[1] == 128 || shape[1] == 256)))
    throw Error(
        model +
        " is drawn for square pictures of side 64, 128 and 256, and multiples of 4 from 8 to 32, not " +
        samples_of(shape));
}

// Orthogonal everywhere, as the paper; BigGAN-PyTorch's CIFAR script has N(0, 0.02): "init": "normal".
inline Style orthogonal(Norm norm) {
  return {init::orthogonal(), init::orthogonal(), init::orthogonal(), norm};
}

}  // namespace saddle::blocks
#pragma GCC visibility pop
