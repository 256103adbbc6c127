#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <iostream>

#include <cli/component.hpp>
#include <common/error.hpp>
#include <common/paths.hpp>

extern char** environ;

namespace saddle::cli {
namespace {

[[noreturn]] void fail(const std::string& what, int error) {
  throw Error(what + ": " + std::strerror(error), kEnvironment);
}

// A file without a name: nothing to clean up, nothing to block on.
class Scratch {
 public:
  explicit Scratch(const char* name) : fd_(::memfd_create(name, MFD_CLOEXEC)) {
    if (fd_ < 0) fail("cannot make a file for the worker", errno);
  }
  ~Scratch() { ::close(fd_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  int fd() const { return fd_; }
  void write(const std::string& text) {
    for (std::size_t done = 0; done < text.size();) {
      const ssize_t n = ::write(fd_, text.data() + done, text.size() - done);
      if (n < 0 && errno != EINTR) fail("cannot write the worker's request", errno);
      if (n > 0) done += static_cast<std::size_t>(n);
    }
    ::lseek(fd_, 0, SEEK_SET);
  }
  std::string read() {
    ::lseek(fd_, 0, SEEK_SET);
    std::string text;
    char piece[1 << 16];
    for (ssize_t n; (n = ::read(fd_, piece, sizeof piece)) != 0;) {
      if (n < 0 && errno != EINTR) fail("cannot read the worker's answer", errno);
      if (n > 0) text.append(piece, static_cast<std::size_t>(n));
    }
    return text;
  }

 private:
  int fd_;
};

// `out`: where its stdout goes; -1: to ours.
int run_worker(const std::string& command, const Json& request, const std::string& what, int out) {
  const std::string worker = worker_path().string();
  Scratch in("request");
  in.write(request.dump());
  std::cout.flush();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.fd(), 0);
  if (out >= 0) posix_spawn_file_actions_adddup2(&actions, out, 1);
  std::string name = worker, verb = command;
  char* argv[] = {name.data(), verb.data(), nullptr};
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, worker.c_str(), &actions, nullptr, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) fail("cannot start " + worker, error);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) fail("cannot wait for the worker", errno);
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  const int signal = WTERMSIG(status);
  if (signal == SIGINT || signal == SIGTERM) return kInterrupted;
  throw Error(what + ": the worker was ended by signal " + std::to_string(signal) + " (" +
                  ::strsignal(signal) + "); a plugin it called crashed, or it was killed for memory",
              kNegative);
}

}  // namespace

int ask_worker(const std::string& command, const Json& request, const std::string& what) {
  return run_worker(command, request, what, -1);
}

int ask_worker(const std::string& command, const Json& request, const std::string& what,
               std::string& answer) {
  Scratch out("answer");
  const int code = run_worker(command, request, what, out.fd());
  answer = out.read();
  return code;
}

}  // namespace saddle::cli
