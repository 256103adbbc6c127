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

// The request as a file without a name, read from its beginning: nothing to clean up, nothing to block on.
int request_file(const std::string& text) {
  const int fd = ::memfd_create("request", MFD_CLOEXEC);
  if (fd < 0) fail("cannot make a file for the worker", errno);
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno != EINTR) fail("cannot write the worker's request", errno);
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  ::lseek(fd, 0, SEEK_SET);
  return fd;
}

}  // namespace

int ask_worker(const std::string& command, const Json& request, const std::string& what) {
  const std::string worker = worker_path().string();
  const int fd = request_file(request.dump());
  std::cout.flush();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fd, 0);
  std::string name = worker, verb = command;
  char* argv[] = {name.data(), verb.data(), nullptr};
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, worker.c_str(), &actions, nullptr, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(fd);
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

}  // namespace saddle::cli
