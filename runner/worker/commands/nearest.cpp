#include <commands/nearest.hpp>

#include <algorithm>
#include <memory>

#include <common/error.hpp>
#include <game/extractor.hpp>
#include <game/measure.hpp>

namespace saddle::worker {

std::pair<at::Tensor, at::Tensor> nearest_rows(const at::Tensor& fake, const at::Tensor& real, int64_t k) {
  constexpr int64_t kTile = 2048;
  at::Tensor best, where;
  for (int64_t first = 0; first < real.size(0); first += kTile) {
    const at::Tensor tile = real.slice(0, first, first + kTile);
    // Exact differences where they are small: a copied picture is at distance 0.
    const at::Tensor distance = at::cdist(fake, tile, 2, /*compute_mode=*/2);
    const at::Tensor place = at::arange(first, first + tile.size(0), at::kLong).expand(distance.sizes());
    best = best.defined() ? at::cat({best, distance}, 1) : distance;
    where = where.defined() ? at::cat({where, place}, 1) : place;
    const auto [values, kept] = best.topk(std::min(k, best.size(1)), 1, /*largest=*/false);
    best = values;
    where = where.gather(1, kept);
  }
  return {where, best};
}

Neighbours find_neighbours(const Trial& trial, Game& game, const Batch& fake, const nlohmann::json& features,
                           int64_t k) {
  constexpr int64_t kMostReal = 50000;
  const int64_t size = game.data().size(), taken = std::min(size, kMostReal);
  if (k > taken)
    throw Error("--nearest " + std::to_string(k) + ": the training split has " + std::to_string(size) +
                " samples");
  const Batch real = game.data().take(taken);
  const at::ScalarType dtype = game.dataset().info().dtype;
  std::unique_ptr<Extractor> extractor;
  if (features.is_object()) {
    extractor = std::make_unique<Extractor>(trial, features, game.dataset().info());
    extractor->want(features.at("output"));
  }
  const auto rows = [&](const Batch& batch) {
    if (extractor) return extractor->features(batch.image, features.at("output"));
    const at::Tensor seen = quantised(batch.image.to(trial_device()), dtype);
    if (features == "pixels") return seen.flatten(1).cpu();
    const at::Tensor labels = batch.label.defined() ? batch.label.to(trial_device()) : batch.label;
    return game.features(features, seen, labels).cpu();
  };
  auto [index, distance] = nearest_rows(rows(fake), rows(real), k);
  std::vector<int64_t> shape = {index.size(0), k};
  for (const int64_t s : fake.image.sizes().slice(1)) shape.push_back(s);
  const at::Tensor image = real.image.cpu().index_select(0, index.flatten()).reshape(shape);
  // Of a larger set every so manieth sample was taken.
  return {index.mul(size).div(taken, "floor"), distance, image};
}

}  // namespace saddle::worker
