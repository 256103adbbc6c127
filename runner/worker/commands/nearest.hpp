#pragma once
#include <ATen/core/Tensor.h>

#include <string>

#include <game/game.hpp>

namespace saddle::worker {

// The nearest rows of `real` to each row of `fake` (float [n, d] and [m, d], k <= m): int64 [n, k], nearest
// first, and their Euclidean distances. In tiles: no n x m matrix.
std::pair<at::Tensor, at::Tensor> nearest_rows(const at::Tensor& fake, const at::Tensor& real, int64_t k);

// Real training samples beside each generated one.
struct Neighbours {
  at::Tensor index;     // [n, k] int64: places in the training split
  at::Tensor distance;  // [n, k] float32
  at::Tensor image;     // [n, k, ...] float32
};
// `features` as in an entry of `metrics`: "pixels", MODEL.OUTPUT, or an extractor. Throws Error.
Neighbours find_neighbours(const Trial& trial, Game& game, const Batch& fake, const nlohmann::json& features,
                           int64_t k);

}  // namespace saddle::worker
