#include <schedule/slots.hpp>

#include <algorithm>

namespace saddle::schedule {
namespace {

constexpr double kRounding = 1e-9;  // three thirds fill a GPU

}  // namespace

Slots::Slots(int jobs, int cores, int gpus)
    : jobs_(jobs), cores_(cores), gpus_(static_cast<std::size_t>(gpus), 0.0) {}

Slots::Fit Slots::fit(const Need& need) const {
  if (running_ == 0) return Fit::now;  // however much it wants
  if (alone_ > 0 || need.alone) return Fit::machine_is_full;
  if (jobs_ > 0 ? running_ >= jobs_ : threads_ + need.threads > cores_) return Fit::machine_is_full;
  return need.gpu > 0 && !gpus_.empty() && best_gpu(need.gpu) < 0 ? Fit::gpu_is_full : Fit::now;
}

Slot Slots::take(const Need& need) {
  Slot slot{need, -1};
  if (need.gpu > 0 && !gpus_.empty()) {
    slot.gpu = std::max(0, best_gpu(need.gpu));
    gpus_[static_cast<std::size_t>(slot.gpu)] += need.gpu;
  }
  ++running_;
  threads_ += need.threads;
  alone_ += need.alone ? 1 : 0;
  return slot;
}

void Slots::give_back(const Slot& slot) {
  if (slot.gpu >= 0) gpus_[static_cast<std::size_t>(slot.gpu)] -= slot.need.gpu;
  --running_;
  threads_ -= slot.need.threads;
  alone_ -= slot.need.alone ? 1 : 0;
}

// -1: none has that much left.
int Slots::best_gpu(double share) const {
  const auto least = std::min_element(gpus_.begin(), gpus_.end());
  return *least + share <= 1 + kRounding ? static_cast<int>(least - gpus_.begin()) : -1;
}

}  // namespace saddle::schedule
