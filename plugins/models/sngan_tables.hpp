// Channels of the networks of SNGAN (Miyato et al. 2018, tables 3 and 4 and released code; 64 x 64: mimicry's
// sngan_64), which SAGAN and WGAN-GP's residual networks share.
#pragma once
#include <algorithm>

#include "pictures.hpp"
#include "residual.hpp"

#pragma GCC visibility push(hidden)
namespace saddle::blocks {

// `width` for the sides of the papers' larger tables is that of the block next to the picture.
inline bool is_tapered(const std::vector<int64_t>& shape) {
  return shape.at(1) == 48 || shape.at(1) == 64 || shape.at(1) == 128;
}

inline void check_side(const std::vector<int64_t>& shape, const std::string& model) {
  if (halvings(shape) == 0)
    throw Error(model + " needs square pictures whose side is a multiple of 4, from 8 up, not " +
                samples_of(shape) + ". mlp takes everything");
}

// 48, 64, 128: the papers' tapered tables. Else blocks of one width: the generator starts at the side halved
// as long as it stays whole and at least 4.
inline GeneratorTable sngan_generator(const std::vector<int64_t>& shape, int64_t width) {
  const int doublings = halvings(shape);
  std::vector<int64_t> multiples(doublings + 1, 1);
  if (shape[1] == 48) multiples = {8, 4, 2, 1};
  if (shape[1] == 64) multiples = {16, 8, 4, 2, 1};
  if (shape[1] == 128) multiples = {16, 16, 8, 4, 2, 1};
  GeneratorTable table{shape[1] >> (multiples.size() - 1), multiples[0] * width, {}};
  for (size_t i = 1; i < multiples.size(); ++i) table.channels.push_back(multiples[i] * width);
  return table;
}

// 48, 64, 128: as above, the hidden layer of a block as wide as its input. Else one width: once less halved
// than the generator doubles, at least once, and two blocks more.
inline DiscriminatorTable sngan_discriminator(const std::vector<int64_t>& shape, int64_t width) {
  DiscriminatorTable table;
  if (is_tapered(shape)) {
    table.narrow = true;
    for (int64_t multiple = 1; multiple <= 16; multiple *= 2)
      table.blocks.push_back({multiple * width, true});
    if (shape[1] == 48) table.blocks.back().down = false;
    if (shape[1] == 128) table.blocks.push_back({16 * width, false});
  } else {
    const int downs = std::max(1, halvings(shape) - 1);
    for (int i = 0; i < downs + 2; ++i) table.blocks.push_back({width, i < downs});
  }
  return table;
}

// Parameters that these networks share.
inline Param width_param(const char* doc) { return param("width", 0).at_least(0).at_most(65536).doc(doc); }
inline Param conditional_param(bool standard) {
  return param("conditional", standard)
      .doc(
          "labels in this network: class-conditional batch norm in the generator, projection in the "
          "discriminator (Miyato and Koyama 2018); each player has its own switch");
}
inline int64_t width_or(const Builder& b, int64_t published) {
  const auto width = b.get<int64_t>("width");
  return width > 0 ? width : published;
}

}  // namespace saddle::blocks
#pragma GCC visibility pop
