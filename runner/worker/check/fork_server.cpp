#include <check/fork_server.hpp>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <common/error.hpp>

namespace saddle::worker {
namespace {

bool write_line(int fd, std::string line) {
  line += '\n';
  for (size_t done = 0; done < line.size();) {
    const ssize_t n = ::write(fd, line.data() + done, line.size() - done);
    if (n < 0 && errno != EINTR) return false;
    if (n > 0) done += static_cast<size_t>(n);
  }
  return true;
}

bool read_line(int fd, std::string& line) {
  line.clear();
  for (char c = 0;;) {
    const ssize_t n = ::read(fd, &c, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    if (c == '\n') return true;
    line += c;
  }
}

// In a fork: the answer, or nothing.
void answer_in_fork(int fd, const std::function<std::string(const std::string&)>& answer,
                    const std::string& question) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::alarm(20);
    std::string text;
    try {
      text = answer(question);
    } catch (...) {
    }
    write_line(fd, text);
    ::_exit(0);
  }
  int status = 0;
  while (pid > 0 && ::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) write_line(fd, "");
}

}  // namespace

ForkServer::ForkServer(std::function<std::string(const std::string& question)> answer) {
  int questions[2], answers[2];
  if (::pipe(questions) != 0 || ::pipe(answers) != 0)
    throw Error(std::string("cannot make a pipe: ") + std::strerror(errno), kEnvironment);
  pid_ = ::fork();
  if (pid_ < 0) throw Error(std::string("cannot fork: ") + std::strerror(errno), kEnvironment);
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::close(questions[1]);
    ::close(answers[0]);
    for (std::string question; read_line(questions[0], question);)
      answer_in_fork(answers[1], answer, question);
    ::_exit(0);
  }
  ::close(questions[0]);
  ::close(answers[1]);
  to_ = questions[1];
  from_ = answers[0];
}

ForkServer::~ForkServer() {
  ::close(to_);
  ::close(from_);
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

std::string ForkServer::ask(const std::string& question) const {
  std::string line;
  return write_line(to_, question) && read_line(from_, line) ? line : "";
}

}  // namespace saddle::worker
