#pragma once
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <game/feature_cache.hpp>
#include <game/player.hpp>
#include <game/resize.hpp>

namespace saddle::worker {

// What metrics measure pictures by when that is a network of its own, outside of the game: a model in the
// role `features`, with frozen weights. It computes in float32, in evaluation, without gradients, on pictures
// that were resized as its parameters `resize` and `size` say.
class Extractor {
 public:
  // `entry`: "features" of a metric. Throws Error when the file of weights is not the one that was planned.
  Extractor(const Trial& trial, const nlohmann::json& entry, const DatasetInfo& data);

  // An output that will be asked for.
  void want(const std::string& output);
  // [n, d] float32 on the CPU, of samples of the data set. What was computed for a set is kept while the set
  // is among the last two that were asked for, so several metrics cost one pass; of `real` samples it is kept
  // for other trials, too.
  at::Tensor features(const at::Tensor& samples, const std::string& output, bool real = false);

  // What numbers depend on: the component and its parameters, its weights by their hash.
  const nlohmann::json& protocol() const { return protocol_; }
  // "clean 224", or "none".
  std::string resize() const;

  // Entries that differ in nothing but the output share one extractor.
  static std::string key(nlohmann::json entry);

 private:
  Features compute(const at::Tensor& samples);
  // All that features depend on but the samples.
  const std::string& identity();

  bool bytes_;  // samples are quantised first
  Resize mode_ = Resize::none;
  int64_t side_ = 0, passes_ = 0;
  std::unique_ptr<WithTensors<Model>> model_;
  std::set<std::string> wanted_;
  std::vector<std::pair<at::Tensor, Features>> known_;  // the latest last
  std::string plugin_;                                  // SHA-256 of its code
  std::string identity_;                                // "" until it is asked for
  nlohmann::json protocol_;
};

}  // namespace saddle::worker
