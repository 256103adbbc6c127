#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace saddle::schedule {

// Cores we may use: the affinity mask, and a container's CPU quota where one is
// set (rounded up). At least 1.
int available_cores();

// What CUDA_VISIBLE_DEVICES calls each of so many GPUs, where `visible` is its value
// now: their numbers, if it is empty.
std::vector<std::string> gpu_names(int count, const std::string& visible);

// How often the kernel has killed for want of memory: in our cgroup where it
// counts, else on this machine. Only differences mean something.
std::int64_t oom_kills();

// Says whether a SIGKILL that nobody of us sent can be the kernel's for want of
// memory. Each kill it counted explains one death.
class OomWatch {
 public:
  explicit OomWatch(std::function<std::int64_t()> count = oom_kills) : count_(std::move(count)) {}
  std::int64_t now() const { return count_(); }
  bool explains_death_since(std::int64_t count_at_start);

 private:
  std::function<std::int64_t()> count_;
  std::int64_t accounted_ = 0;
};

}  // namespace saddle::schedule
