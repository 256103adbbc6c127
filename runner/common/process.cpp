#include <common/process.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstring>
#include <utility>

#include <common/error.hpp>

extern char** environ;

namespace saddle {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kErrorsKept = 1 << 16;
constexpr double kGrace_s = 0.5;  // between SIGTERM and SIGKILL

class Descriptor {
 public:
  Descriptor() = default;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }

  int get() const { return fd_; }
  void set(int fd) { close(), fd_ = fd; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};

[[noreturn]] void fail(const std::string& what, int error) {
  throw Error(what + ": " + std::strerror(error), kEnvironment);
}

// A socket pair, not a pipe: a child that leaves without reading its input gives
// EPIPE (MSG_NOSIGNAL) where a pipe would raise SIGPIPE in this process.
void connect(Descriptor& ours, Descriptor& theirs) {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
    fail("cannot open a channel to a child", errno);
  ours.set(fds[0]);
  // What a child arranges as 0 to 2 must not lie there already.
  theirs.set(::fcntl(fds[1], F_DUPFD_CLOEXEC, 3));
  ::close(fds[1]);
  if (theirs.get() < 0) fail("cannot open a channel to a child", errno);
  ::fcntl(fds[0], F_SETFL, O_NONBLOCK);
}

// True when something was read; closes at the end of the stream. Takes 4 MiB at most (more than
// the channel holds): a child that never stops printing must not keep us here.
bool drain(Descriptor& from, std::string& into) {
  char piece[1 << 16];
  bool any = false;
  for (int turn = 0; turn < 64 && from.get() >= 0; ++turn) {
    const ssize_t n = ::read(from.get(), piece, sizeof piece);
    if (n > 0) {
      into.append(piece, static_cast<std::size_t>(n));
      any = true;
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      break;
    } else {
      from.close();
    }
  }
  return any;
}

std::string last_line(const std::string& text) {
  const std::size_t end = text.find_last_not_of(" \n\r\t");
  if (end == std::string::npos) return {};
  const std::size_t start = text.rfind('\n', end);
  return text.substr(start == std::string::npos ? 0 : start + 1,
                     end - (start == std::string::npos ? -1 : start));
}

struct Start {
  pid_t parent;
  int in, out, err, failed;
  char** argv;
};

// Between fork and exec in a process with threads: system calls only.
[[noreturn]] void become(const Start& start) {
  // A hanging plugin must not outlive a killed saddle.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != start.parent) ::_exit(127);  // it died before prctl took effect
  if (::dup2(start.in, 0) >= 0 && ::dup2(start.out, 1) >= 0 && ::dup2(start.err, 2) >= 0)
    ::execve(start.argv[0], start.argv, environ);
  const int error = errno;
  (void)!::write(start.failed, &error, sizeof error);
  ::_exit(127);
}

// Ended by the kernel when the calling thread ends, which waits for it.
pid_t spawn(const std::vector<std::string>& argv, int in, int out, int err) {
  std::vector<char*> arguments;
  for (const auto& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  Descriptor failed, their_failed;
  connect(failed, their_failed);
  ::fcntl(failed.get(), F_SETFL, 0);
  const Start start{::getpid(), in, out, err, their_failed.get(), arguments.data()};
  const pid_t pid = ::fork();
  if (pid < 0) fail("cannot start another process", errno);
  if (pid == 0) become(start);
  their_failed.close();
  int error = 0;
  ssize_t n;
  do {
    n = ::read(failed.get(), &error, sizeof error);  // or its end: closed by the exec
  } while (n < 0 && errno == EINTR);
  if (n != sizeof error) return pid;
  ::waitpid(pid, nullptr, 0);
  fail("cannot start " + argv[0], error);
}

}  // namespace

std::string ChildResult::failure() const {
  std::string text;
  if (timed_out) {
    text = "gave no answer for " + std::to_string(std::lround(silence_s)) + " s and was stopped";
  } else if (signal != 0) {
    text = "was ended by signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ")";
  } else {
    text = "left with code " + std::to_string(exit_code);
  }
  const std::string line = last_line(err);
  return line.empty() ? text : text + "; it wrote: " + line.substr(0, 400);
}

ChildResult run_child(const std::vector<std::string>& argv, const std::string& input,
                      const ChildLimits& limits) {
  Descriptor in, out, err, their_in, their_out, their_err;
  connect(in, their_in);
  connect(out, their_out);
  connect(err, their_err);
  const pid_t pid = spawn(argv, their_in.get(), their_out.get(), their_err.get());
  their_in.close(), their_out.close(), their_err.close();

  ChildResult result;
  result.silence_s = limits.start_s > 0 ? limits.start_s : limits.silence_s;
  std::size_t sent = 0;
  int status = 0;
  bool ended = false;
  Clock::time_point last_sign = Clock::now();
  const auto quiet_for = [&] { return std::chrono::duration<double>(Clock::now() - last_sign).count(); };
  while (!ended) {
    if (in.get() >= 0 && sent == input.size()) in.close();
    pollfd watched[3] = {{out.get(), POLLIN, 0}, {err.get(), POLLIN, 0}, {in.get(), POLLOUT, 0}};
    ::poll(watched, 3,
           50);  // wakes also to notice a child that ended while a grandchild keeps its output open
    if (in.get() >= 0 && watched[2].revents != 0) {
      const ssize_t n = ::send(in.get(), input.data() + sent, input.size() - sent, MSG_NOSIGNAL);
      if (n > 0) sent += static_cast<std::size_t>(n);
      if (n < 0 && errno != EAGAIN && errno != EINTR) in.close();
    }
    // Asked before the last read, so that nothing written before the end is missed.
    ended = ::waitpid(pid, &status, WNOHANG) == pid;
    const bool answered = drain(out, result.out);
    const bool complained = drain(err, result.err);
    if (result.err.size() > 2 * kErrorsKept) result.err.erase(0, result.err.size() - kErrorsKept);
    if (ended) break;
    if (result.timed_out) {
      if (quiet_for() > kGrace_s) ::kill(pid, SIGKILL);
    } else if (answered || (complained && !limits.answers_only)) {
      last_sign = Clock::now();
      result.silence_s = limits.silence_s;
    } else if (quiet_for() > result.silence_s) {
      result.timed_out = true;
      last_sign = Clock::now();
      ::kill(pid, SIGTERM);  // a worker says where it is before it goes
    }
  }
  if (WIFSIGNALED(status)) {
    result.signal = WTERMSIG(status);
  } else {
    result.exit_code = WEXITSTATUS(status);
  }
  return result;
}

}  // namespace saddle
