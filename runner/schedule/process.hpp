#pragma once
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <common/forks.hpp>

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
  std::uint64_t data_limit_bytes = 0;                            // of private memory; 0: none
  bool talks = false;  // kWorkerFd is a socket of whole messages, both ways, instead of a pipe
};

// How a process ended.
struct Ending {
  int exit_code = 0;
  int signal = 0;  // 0: it exited by itself
};

// One child in a process group of its own, tied to us: the kernel kills it when
// the *thread* that started it ends (PR_SET_PDEATHSIG), so start it from a
// thread that lives as long as the child shall. It has stdin from /dev/null,
// both outputs in a file, the write end of a pipe as kWorkerFd, and nothing else
// of ours open.
class Process {
 public:
  // Throws saddle::Error when the program cannot be started.
  static Process start(const Command& command);
  // A child that is there already, and leads a process group. Throws saddle::Error.
  static Process adopt(pid_t pid, Fd frames);

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

// Where a child's stdout and stderr go: opened to be appended to, out of the way
// of descriptors 0 to 9.
Fd open_output(const std::filesystem::path& file);
// Read end and write end.
std::pair<Fd, Fd> make_pipe();

// The last lines of a file, for a message: at most `lines`, at most 2 KiB.
std::string last_lines(const std::filesystem::path& file, int lines);

// "9 (SIGKILL)"
std::string signal_name(int signal);

}  // namespace saddle::schedule
