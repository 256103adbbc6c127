#pragma once
#include <memory>
#include <string>
#include <utility>

// Which component the host is running on this thread: what extensions must know of who calls them.
namespace saddle::worker {

struct Caller {
  std::string who;     // "loss 'hinge'", for messages
  std::string record;  // "discriminator/hinge": what its records are kept under
};

struct CallSite {
  std::shared_ptr<const Caller> caller;  // null: none
  bool trial_thread = false;             // the thread that runs the trial, or one that works in its stead
};
inline CallSite& call_site() {
  thread_local CallSite site;
  return site;
}

// While it lives, this thread runs code of that component.
class Calling {
 public:
  explicit Calling(std::shared_ptr<const Caller> caller)
      : Calling(CallSite{std::move(caller), call_site().trial_thread}) {}
  // In the stead of another thread: autograd's, for what was called there.
  explicit Calling(CallSite site) : before_(std::exchange(call_site(), std::move(site))) {}
  ~Calling() { call_site() = std::move(before_); }
  Calling(const Calling&) = delete;
  Calling& operator=(const Calling&) = delete;

 private:
  CallSite before_;
};

}  // namespace saddle::worker
