#pragma once
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include <bridge/caller.hpp>

// What is known about a process that ends, or does not, in a component's code.
namespace saddle::worker {

// From here on the process says on stderr which component's code runs when it crashes there, when that
// code calls exit, and when SIGTERM finds the calling thread in it. SIGTERM ends the process; whoever
// wants to survive it installs a handler of its own and calls tell_request_to_stop in it.
void watch_components();

// What SIGTERM's handler says; may be called in one.
void tell_request_to_stop() noexcept;

// Says, on a thread of its own, when the watched thread has been in one call of a component for longer than
// `patience`: "model 'x' of FILE, in create, has not returned for 60 s", and again each time that is four
// times as long. `say` must not throw.
class Watchdog {
 public:
  Watchdog(std::chrono::milliseconds patience, std::function<void(const std::string&)> say);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void watch(std::chrono::milliseconds patience);
  std::function<void(const std::string&)> say_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool end_ = false;
  std::thread thread_;
};

// Called with "loss 'x' of FILE called exit(3) in compute" before the process leaves, with code 1, because
// a component's code called exit. May throw.
void on_exit_of_component(std::function<void(const std::string&)> say);

// A text that lives as long as the process; the same for equal texts.
const char* kept_text(const std::string& text);

// A fault of a component that is no reason to stop. Goes to stderr as a line, or where the attempt wants it.
// Any thread. Never throws.
void warn(const std::string& message) noexcept;
void set_warnings(std::function<void(const std::string&)> sink);

}  // namespace saddle::worker
