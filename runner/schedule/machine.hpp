#pragma once
#include <cstdint>
#include <functional>
#include <utility>

namespace saddle::schedule {

// Cores we may use: the affinity mask, and a container's CPU quota where one is
// set (rounded up). At least 1.
int available_cores();

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
