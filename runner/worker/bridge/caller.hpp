#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

// Which component the host is running on this thread: what extensions must know of who calls them, and
// what is said when the process ends in its code.
namespace saddle::worker {

// What an instance has in its hands.
struct Holding {
  std::atomic<int64_t> handles{0};  // references to tensors
  std::atomic<int64_t> wrong{0};    // releases of what no plugin held, where that is checked
};

struct Caller {
  std::string who;                   // "loss 'hinge'", for messages
  std::string record;                // "discriminator/hinge": what its records are kept under
  const char* place = "";            // "loss 'hinge' of /plugins/hinge.so"; lives as long as the process
  std::shared_ptr<Holding> holding;  // null: not told
};

struct CallSite {
  std::shared_ptr<const Caller> caller;  // null: none
  const char* function = "";             // of its interface: "create"; lives as long as the process
  bool trial_thread = false;             // the thread that runs the trial, or one that works in its stead
};
inline CallSite& call_site() {
  thread_local CallSite site;
  return site;
}

// The same in a form that signal handlers and other threads may read. Null: no component's code runs.
struct Running {
  std::atomic<const char*> place{nullptr};
  std::atomic<const char*> function{nullptr};
  std::atomic<uint64_t> changes{0};
  Holding* holding = nullptr;
  int64_t counted =
      0;  // handles that the component at work took, less what it gave back, not yet in `holding`
};
inline constinit thread_local Running running;
// Puts what was counted where it belongs.
void settle_handles();

// While it lives, this thread runs code of that component.
class Calling {
 public:
  Calling(std::shared_ptr<const Caller> caller, const char* function)
      : Calling(CallSite{std::move(caller), function, call_site().trial_thread}) {}
  // In the stead of another thread: autograd's, for what was called there.
  explicit Calling(CallSite site) : before_(std::exchange(call_site(), std::move(site))) { show(); }
  ~Calling() {
    call_site() = std::move(before_);
    show();
  }
  Calling(const Calling&) = delete;
  Calling& operator=(const Calling&) = delete;

 private:
  static void show() {
    settle_handles();
    const CallSite& site = call_site();
    const Caller* caller = site.caller.get();
    constexpr auto relaxed = std::memory_order_relaxed;
    running.place.store(caller ? caller->place : nullptr, relaxed);
    running.function.store(site.function, relaxed);
    running.holding = caller ? caller->holding.get() : nullptr;
    running.changes.store(running.changes.load(relaxed) + 1, relaxed);
  }
  CallSite before_;
};

}  // namespace saddle::worker
