#pragma once
#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <future>
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
// to `keep_bytes` is kept on the device as it came (uint8 for pictures); a larger
// one is read batch by batch, the next while the last is trained on where the
// data set may be asked from another thread. `select` gives the places of the
// samples that are trained on, all unless given; it is called when the first is needed.
class DataSource {
 public:
  static constexpr int64_t kKeepBytes = int64_t{2} << 30;
  using Select = std::function<at::Tensor()>;
  DataSource(const Dataset& dataset, int64_t batch, uint64_t trial_seed, int64_t keep_bytes = kKeepBytes,
             Select select = {});
  Batch next();

  const DatasetInfo& info() const { return dataset_.info(); }
  int64_t size() const { return all_; }
  // Labels of the whole training split, where it has any and is kept on the device.
  const at::Tensor& labels() const { return labels_; }
  // Any samples that are trained on, drawn from `generator`.
  Batch draw(int64_t count, at::Generator generator);
  // Places in the training split of the samples that are trained on; undefined: all of it.
  const at::Tensor& selected();
  // Samples of the training split in the order of the set, at most `count`, spread evenly over it, whether
  // they are trained on or not.
  Batch take(int64_t count) const;
  // The same of those that are trained on.
  Batch take_selected(int64_t count);
  // The same of another split; undefined tensors when the set has none of that name.
  Batch take_from(const std::string& split, int64_t count) const;

  // Position, order and generator, for checkpoints.
  std::map<std::string, at::Tensor> state();
  void load_state(const std::map<std::string, at::Tensor>& state);

 private:
  using Raw = std::pair<at::Tensor, at::Tensor>;  // samples and labels as the data set gives them
  Raw read_raw(const at::Tensor& indices) const;
  Batch read(const at::Tensor& indices) const;
  void shuffle();
  // Before the first sample is drawn.
  void prepare();
  // Of places among those that are trained on: places in the split.
  at::Tensor in_split(const at::Tensor& places) const;
  const Dataset& dataset_;
  uint32_t split_;
  int64_t all_, size_, batch_, position_ = 0;  // size_: of what is trained on
  Select select_;                              // until it was asked
  at::Tensor selected_;                        // undefined: all
  at::Generator generator_;
  at::Tensor order_;             // int64 on the CPU
  at::Tensor samples_, labels_;  // the whole split, when it fits
  std::future<Raw> ahead_;       // the batch at ahead_position_ of this order
  int64_t ahead_position_ = -1;
};

}  // namespace saddle::worker
