#include <schedule/process.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include <common/error.hpp>

extern char** environ;

namespace saddle::schedule {
namespace {

[[noreturn]] void fail(const std::string& what, int error) {
  throw Error(what + ": " + std::strerror(error), kEnvironment);
}

// Descriptors that the child arranges as 0 to 3 must not lie there already.
Fd above_stdio(int fd, const std::string& what) {
  if (fd < 0) fail(what, errno);
  const int moved = ::fcntl(fd, F_DUPFD_CLOEXEC, 10);
  const int error = errno;
  ::close(fd);
  if (moved < 0) fail(what, error);
  return Fd(moved);
}

// Ours first.
std::pair<Fd, Fd> make_socket() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) fail("cannot make a socket", errno);
  Fd theirs(ends[1]);
  Fd ours = above_stdio(ends[0], "cannot make a socket");
  return {std::move(ours), above_stdio(::dup(theirs.get()), "cannot make a socket")};
}

std::vector<std::string> merged_environment(const Command& command) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const bool replaced = std::any_of(command.environment.begin(), command.environment.end(),
                                      [&](auto& own) { return text.substr(0, text.find('=')) == own.first; });
    if (!replaced) all.emplace_back(text);
  }
  for (const auto& [name, value] : command.environment) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (auto& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

struct ChildSetup {
  pid_t parent;
  int input, output, frames, error;
  std::uint64_t data_limit_bytes;
  char** argv;
  char** environment;
};

// Between fork and exec in a process with threads: system calls only.
[[noreturn]] void become(const ChildSetup& setup) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != setup.parent) ::_exit(127);  // the parent died before prctl took effect
  // When memory runs out, the kernel shall take the trial and not the scheduler.
  if (const int score = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC); score >= 0)
    (void)!::write(score, "500", 3);
  ::signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (setup.data_limit_bytes > 0) limit_data(setup.data_limit_bytes);
  if (::dup2(setup.input, 0) >= 0 && ::dup2(setup.output, 1) >= 0 && ::dup2(setup.output, 2) >= 0 &&
      ::dup2(setup.frames, kWorkerFd) >= 0) {
    ::close_range(kWorkerFd + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    ::execve(setup.argv[0], setup.argv, setup.environment);
  }
  const int error = errno;
  (void)!::write(setup.error, &error, sizeof(error));
  ::_exit(127);
}

}  // namespace

void Fd::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

std::pair<Fd, Fd> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail("cannot make a pipe", errno);
  Fd write_end(ends[1]);
  Fd read_end = above_stdio(ends[0], "cannot make a pipe");
  return {std::move(read_end), above_stdio(::dup(write_end.get()), "cannot make a pipe")};
}

Fd open_output(const std::filesystem::path& file) {
  return above_stdio(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644),
                     "cannot write " + file.string());
}

Process Process::start(const Command& command) {
  Fd input = above_stdio(::open("/dev/null", O_RDONLY | O_CLOEXEC), "cannot open /dev/null");
  Fd output = open_output(command.output);
  auto [ours, theirs] = command.talks ? make_socket() : make_pipe();
  auto [error_read, error_write] = make_pipe();
  auto arguments = command.argv;
  auto environment = merged_environment(command);
  auto argv = pointers(arguments);
  auto envp = pointers(environment);
  const ChildSetup setup{::getpid(),   input.get(),       output.get(),
                         theirs.get(), error_write.get(), command.data_limit_bytes,
                         argv.data(),  envp.data()};

  const pid_t pid = ::fork();
  if (pid < 0) fail("cannot start another process", errno);
  if (pid == 0) become(setup);
  ::setpgid(pid, pid);  // whoever comes first: a signal to the group must find it
  Process process = adopt(pid, std::move(ours));
  theirs.reset();
  error_write.reset();
  int error = 0;
  ssize_t n;
  do {
    n = ::read(error_read.get(), &error, sizeof(error));  // or its end: closed by the exec
  } while (n < 0 && errno == EINTR);
  if (n == sizeof(error)) fail("cannot start " + command.argv[0], error);
  return process;
}

Process Process::adopt(pid_t pid, Fd frames) {
  Process process;
  process.pid_ = pid;
  ::fcntl(frames.get(), F_SETFL, O_NONBLOCK);
  process.frames_ = std::move(frames);
  // By number: the header of glibc 2.36 declares pidfd_open with C++ linkage.
  process.pidfd_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process.pidfd_.open()) fail("cannot watch a process (pidfd_open needs Linux 5.3)", errno);
  return process;
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      frames_(std::move(other.frames_)) {}

Process::~Process() {
  if (pid_ > 0) wait();
}

void Process::terminate() {
  if (pid_ > 0) ::kill(-pid_, SIGTERM);
}

void Process::kill() {
  if (pid_ > 0) ::kill(-pid_, SIGKILL);
}

Ending Process::wait() {
  // While the leader is not reaped its number, and so the group's, is not given to another.
  kill();
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  if (WIFSIGNALED(status)) return {0, WTERMSIG(status)};
  return {WEXITSTATUS(status), 0};
}

std::string last_lines(const std::filesystem::path& file, int lines) {
  constexpr std::streamoff kMost = 2048;
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  if (!in) return "";
  const std::streamoff size = in.tellg();
  in.seekg(std::max<std::streamoff>(0, size - kMost));
  std::string text(static_cast<std::size_t>(std::min(size, kMost)), '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  std::size_t begin = text.size();
  for (int i = 0; i < lines && begin != std::string::npos && begin > 0; ++i)
    begin = text.rfind('\n', begin - 1);
  if (begin != std::string::npos && begin < text.size() && text[begin] == '\n') text.erase(0, begin + 1);
  // What a worker prints may be anything; a message is text.
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 32 && c != '\n'; }, ' ');
  return text;
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return std::to_string(signal) + (name != nullptr ? " (SIG" + std::string(name) + ")" : "");
}

}  // namespace saddle::schedule
