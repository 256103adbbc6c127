#include <bridge/watch.hpp>

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <set>

namespace saddle::worker {
namespace {

Running* watched = nullptr;
std::function<void(const std::string&)> exit_hook, warnings;
std::mutex mutex;

// A line that is put together without allocating.
class Line {
 public:
  Line& operator<<(const char* text) {
    for (; text && *text && size_ + 1 < sizeof text_; ++text) text_[size_++] = *text;
    return *this;
  }
  Line& operator<<(int number) {
    char digits[12];
    int n = 0;
    unsigned rest = number < 0 ? 0u - static_cast<unsigned>(number) : static_cast<unsigned>(number);
    do digits[n++] = static_cast<char>('0' + rest % 10);
    while (rest /= 10);
    if (number < 0) digits[n++] = '-';
    while (n && size_ + 1 < sizeof text_) text_[size_++] = digits[--n];
    return *this;
  }
  void write() {
    text_[size_++] = '\n';
    (void)!::write(STDERR_FILENO, text_, size_);
  }
  const char* text() {
    text_[size_] = '\0';
    return text_;
  }

 private:
  char text_[1024];
  size_t size_ = 0;
};

const char* place_of(const Running& r) { return r.place.load(std::memory_order_relaxed); }
const char* function_of(const Running& r) { return r.function.load(std::memory_order_relaxed); }

void on_crash(int signal) {
  if (place_of(running))
    (Line() << "signal " << signal << " in " << place_of(running) << ", in " << function_of(running)).write();
  ::raise(signal);  // whose handler is the default again
}

void on_stop(int signal) {
  tell_request_to_stop();
  std::signal(signal, SIG_DFL);
  ::raise(signal);
}

void on_exit_called(int code, void*) {
  if (!place_of(running)) return;
  Line line;
  line << place_of(running) << " called exit(" << code << ") in " << function_of(running);
  if (exit_hook) {
    try {
      exit_hook(line.text());
    } catch (...) {
      // saddle is gone.
    }
  }
  line.write();
  ::_exit(1);
}

}  // namespace

void watch_components() {
  watched = &running;
#if !defined(__SANITIZE_ADDRESS__)  // whose report tells more
  // A stack of its own: an endless recursion leaves none.
  static char stack[1 << 16];
  stack_t alternative{};
  alternative.ss_sp = stack;
  alternative.ss_size = sizeof stack;
  ::sigaltstack(&alternative, nullptr);
  struct sigaction action {};
  action.sa_handler = on_crash;
  action.sa_flags = SA_ONSTACK | SA_RESETHAND | SA_NODEFER;
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) ::sigaction(signal, &action, nullptr);
#endif
  std::signal(SIGTERM, on_stop);
  static const bool once =
      ::on_exit(on_exit_called, nullptr) == 0 && ::at_quick_exit([] { on_exit_called(0, nullptr); }) == 0;
  (void)once;
}

void tell_request_to_stop() noexcept {
  const Running* r = watched;
  if (r && place_of(*r))
    (Line() << "asked to stop in " << place_of(*r) << ", in " << function_of(*r)).write();
}

void on_exit_of_component(std::function<void(const std::string&)> say) { exit_hook = std::move(say); }

Watchdog::Watchdog(std::chrono::milliseconds patience, std::function<void(const std::string&)> say)
    : say_(std::move(say)), thread_([this, patience] { watch(patience); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    end_ = true;
  }
  ended_.notify_one();
  thread_.join();
}

void Watchdog::watch(std::chrono::milliseconds patience) {
  using Clock = std::chrono::steady_clock;
  std::unique_lock lock(mutex_);
  uint64_t seen = 0;
  Clock::time_point since = Clock::now();
  auto next = patience;
  while (
      !ended_.wait_for(lock, std::min(patience, std::chrono::milliseconds(1000)), [this] { return end_; })) {
    if (!watched) continue;
    const uint64_t changes = watched->changes.load(std::memory_order_relaxed);
    const char* place = place_of(*watched);
    const auto waited = Clock::now() - since;
    if (changes != seen || !place) {
      seen = changes;
      since = Clock::now();
      next = patience;
    } else if (waited >= next) {
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(waited).count();
      say_(std::string(place) + ", in " + function_of(*watched) + ", has not returned for " +
           std::to_string(seconds) + " s");
      next *= 4;
    }
  }
}

const char* kept_text(const std::string& text) {
  static std::set<std::string> texts;
  const std::lock_guard lock(mutex);
  return texts.insert(text).first->c_str();
}

void warn(const std::string& message) noexcept {
  try {
    const std::lock_guard lock(mutex);
    if (warnings) return warnings(message);
  } catch (...) {
    // saddle is gone.
  }
  std::fprintf(stderr, "[warning] %s\n", message.c_str());
}

void set_warnings(std::function<void(const std::string&)> sink) {
  const std::lock_guard lock(mutex);
  warnings = std::move(sink);
}

}  // namespace saddle::worker
