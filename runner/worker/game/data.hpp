#pragma once
#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <string>

#include <bridge/instances.hpp>

namespace saddle::worker {

struct Batch {
  at::Tensor image;  // [n, ...] float32 on the trial's device; pictures in [-1, 1]
  at::Tensor label;  // [n] int64, or undefined
};

// Pictures as networks see them: uint8 -> [-1, 1]; points stay.
at::Tensor to_float(const at::Tensor& samples);

// The training split: shuffled anew each epoch, whole batches only. A set of up
// to 2 GiB is kept on the device as it came (uint8 for pictures); a larger one
// is read batch by batch.
class DataSource {
 public:
  DataSource(const Dataset& dataset, int64_t batch, uint64_t trial_seed);
  Batch next();

  const DatasetInfo& info() const { return dataset_.info(); }
  int64_t size() const { return size_; }
  // Samples of the training split in the order of the set, at most `count`, spread evenly over it.
  Batch take(int64_t count) const;

  // Position, order and generator, for checkpoints.
  std::map<std::string, at::Tensor> state();
  void load_state(const std::map<std::string, at::Tensor>& state);

 private:
  Batch read(const at::Tensor& indices) const;
  void shuffle();
  const Dataset& dataset_;
  uint32_t split_;
  int64_t size_, batch_, position_ = 0;
  at::Generator generator_;
  at::Tensor order_;             // int64 on the CPU
  at::Tensor samples_, labels_;  // the whole split, when it fits
};

}  // namespace saddle::worker
