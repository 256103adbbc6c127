#include <atomic>
#include <mutex>
#include <unordered_map>
#include <utility>

#include <bridge/caller.hpp>
#include <bridge/handle.hpp>

namespace saddle::worker {
namespace {

std::atomic<int64_t> all{0};
std::mutex mutex;
std::unordered_map<const saddle_tensor*, int64_t> held;  // only while checking

void change(int64_t by) {
  all.fetch_add(by, std::memory_order_relaxed);
  if (running.holding) running.holding->handles.fetch_add(by, std::memory_order_relaxed);
}

}  // namespace

int64_t handle_count() { return all.load(std::memory_order_relaxed) + running.counted; }

void settle_handles() {
  if (running.counted) change(std::exchange(running.counted, 0));
}

void detail::count_slowly(const saddle_tensor* handle) {
  change(1);
  if (!checking_handles) return;
  const std::lock_guard lock(mutex);
  ++held[handle];
}

bool detail::uncount_slowly(const saddle_tensor* handle) {
  if (checking_handles) {
    const std::lock_guard lock(mutex);
    const auto found = held.find(handle);
    if (found == held.end()) {
      if (running.holding) ++running.holding->wrong;
      return false;
    }
    if (--found->second == 0) held.erase(found);
  }
  change(-1);
  return true;
}

void check_handles() { detail::checking_handles = true; }

}  // namespace saddle::worker
