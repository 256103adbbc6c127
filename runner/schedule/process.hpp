#pragma once
#include <sys/types.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace saddle::schedule {

// A file descriptor that closes itself.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { reset(); }
  void reset();
  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

struct Command {
  std::vector<std::string> argv;                                 // argv[0]: absolute path of the program
  std::vector<std::pair<std::string, std::string>> environment;  // set on top of our own
  std::filesystem::path output;                                  // receives stdout and stderr, appended
};

// How a process ended.
struct Ending {
  int exit_code = 0;
  int signal = 0;  // 0: it exited by itself
};

// The number by which the child finds its end of the pipe.
inline constexpr int kFramesFd = 3;

// One child in a process group of its own, tied to us: the kernel kills it when
// the *thread* that started it ends (PR_SET_PDEATHSIG), so start it from a
// thread that lives as long as the child shall. It has stdin from /dev/null,
// both outputs in a file, the write end of a pipe as kFramesFd, and nothing else
// of ours open.
class Process {
 public:
  // Throws saddle::Error when the program cannot be started.
  static Process start(const Command& command);

  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;
  ~Process();  // kills what is still there

  pid_t pid() const { return pid_; }
  int exited_fd() const { return pidfd_.get(); }  // readable once the process has ended
  int frames_fd() const { return frames_.get(); }
  void close_frames() { frames_.reset(); }

  void terminate();  // SIGTERM to the whole group: stop at the next round, please
  void kill();       // SIGKILL to the whole group

  // Only after exited_fd() is readable. Takes what is left of its group with it.
  Ending wait();

 private:
  Process() = default;
  pid_t pid_ = -1;  // -1: nothing to wait for
  Fd pidfd_;
  Fd frames_;
};

// The last lines of a file, for a message: at most `lines`, at most 2 KiB.
std::string last_lines(const std::filesystem::path& file, int lines);

// "9 (SIGKILL)"
std::string signal_name(int signal);

}  // namespace saddle::schedule
