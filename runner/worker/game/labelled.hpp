#pragma once
#include <cstdint>
#include <map>
#include <string>

#include <game/data.hpp>

namespace saddle::worker {

// The samples of the training split whose labels semi-supervised losses may see (dataset.labelled): equally
// many of each class, drawn by a seed. They are few, so a batch may hold one more than once: it is cut from
// one shuffled copy of them after the other.
class LabelledSource {
 public:
  // `count`: samples with labels in all; 0: all of the split. Which ones follows from `subset_seed`. `among`:
  // places in the split that they are drawn from, ascending; all, if undefined.
  LabelledSource(const Dataset& dataset, int64_t count, uint64_t subset_seed, int64_t batch,
                 uint64_t trial_seed, const at::Tensor& among = {});
  Batch next();
  // Their places in the training split, in the order of the split.
  const at::Tensor& places() const { return places_; }

  // For checkpoints.
  std::map<std::string, at::Tensor> state();
  void load_state(const std::map<std::string, at::Tensor>& state);

 private:
  const Dataset& dataset_;
  uint32_t split_;
  int64_t batch_;
  at::Tensor places_;  // int64 on the CPU
  at::Generator generator_;
  at::Tensor ahead_;  // places that the next batches have, in their order
};

// Why samples of this data set have no labels, and what to do; "" where they have some.
std::string why_unlabelled(const nlohmann::json& dataset, int64_t classes);

}  // namespace saddle::worker
