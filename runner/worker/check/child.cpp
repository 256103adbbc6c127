#include <check/child.hpp>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <iostream>

#include <check/rules.hpp>
#include <common/error.hpp>

namespace saddle::worker {
namespace {

using Clock = std::chrono::steady_clock;
constexpr size_t kPrinted = 16 << 10;  // of what a plugin prints
constexpr double kGrace_s = 0.5;       // between asking it to end and ending it

struct Pipe {
  int read = -1, write = -1;
  Pipe() {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) != 0)
      throw Error(std::string("cannot make a pipe: ") + std::strerror(errno), kEnvironment);
    read = fds[0];
    write = fds[1];
  }
  ~Pipe() {
    if (read >= 0) ::close(read);
    if (write >= 0) ::close(write);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
};

class Child {
 public:
  Child(const std::string& kind, const std::function<void(const Outcome&)>& say,
        const std::function<void(const nlohmann::json&)>& other)
      : due_(rules_of(kind)), say_(say), other_(other) {}

  void run(double timeout_s, const std::function<void(Report&)>& apply) {
    std::cout.flush();
    std::fflush(nullptr);
    pid_ = ::fork();
    if (pid_ < 0) throw Error(std::string("cannot fork: ") + std::strerror(errno), kEnvironment);
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(printed_.write, 1);
      ::dup2(printed_.write, 2);
      Report report(told_.write);
      apply(report);
      report.tell({{"done", true}});
      std::cout.flush();
      std::fflush(nullptr);
      ::_exit(0);
    }
    ::close(std::exchange(told_.write, -1));
    ::close(std::exchange(printed_.write, -1));
    ::fcntl(told_.read, F_SETFL, O_NONBLOCK);
    ::fcntl(printed_.read, F_SETFL, O_NONBLOCK);
    const int status = watch(timeout_s);
    if (!done_) tell_end(status, timeout_s);
    if (printed_bytes_ > kPrinted)
      std::cerr << "(" << printed_bytes_ - kPrinted << " more bytes that it printed are left out)\n";
  }

 private:
  // Until it ends; its wait status.
  int watch(double timeout_s) {
    auto last = Clock::now();
    for (int status = 0;;) {
      pollfd fds[2] = {{told_.read, POLLIN, 0}, {printed_.read, POLLIN, 0}};
      ::poll(fds, 2, 20);
      const bool ended = ::waitpid(pid_, &status, WNOHANG) == pid_;
      read_printed();
      if (read_told()) last = Clock::now();
      if (ended) return status;
      const double silent = std::chrono::duration<double>(Clock::now() - last).count();
      if (!timed_out_ && silent > timeout_s) {
        timed_out_ = true;
        ::kill(pid_, SIGTERM);
        last = Clock::now();
      } else if (timed_out_ && silent > kGrace_s) {
        ::kill(pid_, SIGKILL);
      }
    }
  }

  bool read_told() {
    bool any = false;
    char piece[4096];
    for (ssize_t n = 0; (n = ::read(told_.read, piece, sizeof piece)) > 0; any = true)
      text_.append(piece, static_cast<size_t>(n));
    for (size_t end = 0; (end = text_.find('\n')) != std::string::npos; text_.erase(0, end + 1))
      take(nlohmann::json::parse(text_.substr(0, end)));
    return any;
  }

  void read_printed() {
    char piece[4096];
    for (ssize_t n = 0; (n = ::read(printed_.read, piece, sizeof piece)) > 0;) {
      const auto count = static_cast<size_t>(n);
      if (printed_bytes_ < kPrinted)
        std::cerr.write(piece, std::min(n, static_cast<ssize_t>(kPrinted - printed_bytes_)));
      printed_bytes_ += count;
      last_printed_.append(piece, count);
      if (last_printed_.size() > 1024) last_printed_.erase(0, last_printed_.size() - 1024);
    }
  }

  void take(const nlohmann::json& line) {
    if (line.contains("done")) {
      done_ = true;
    } else if (line.contains("alive")) {
      return;  // that it came is what counts
    } else if (line.contains("begin")) {
      current_ = line["begin"];
    } else if (line.contains("rule")) {
      tell({line["rule"], line["result"], line["message"]});
    } else {
      other_(line);
    }
  }

  void tell(const Outcome& outcome) {
    std::erase_if(due_, [&](const Rule* rule) { return outcome.rule == rule->id; });
    current_.clear();
    say_(outcome);
  }

  void tell_end(int status, double timeout_s) {
    std::string how;
    if (timed_out_)
      how = "it gave no answer for " + std::to_string(static_cast<int>(timeout_s + 0.5)) + " s";
    else if (WIFSIGNALED(status))
      how = "it was ended by signal " + std::to_string(WTERMSIG(status)) + " (" +
            ::strsignal(WTERMSIG(status)) + ")";
    else
      how = "the process was left with code " + std::to_string(WEXITSTATUS(status)) + " in the middle of it";
    if (const std::string line = last_line(); !line.empty()) how += "; the last that it printed: " + line;
    if (due_.empty()) return;
    const std::string rule = current_.empty() ? due_.front()->id : current_;
    tell({rule, "failed", how});
    for (const Rule* left : std::vector<const Rule*>(due_))
      tell({left->id, "skipped", "the check ended in \"" + rule + "\""});
  }

  std::string last_line() const {
    const size_t end = last_printed_.find_last_not_of(" \n\r\t");
    if (end == std::string::npos) return "";
    const size_t start = last_printed_.rfind('\n', end);
    return last_printed_.substr(start == std::string::npos ? 0 : start + 1,
                                end - (start == std::string::npos ? size_t(-1) : start));
  }

  std::vector<const Rule*> due_;
  const std::function<void(const Outcome&)>& say_;
  const std::function<void(const nlohmann::json&)>& other_;
  Pipe told_, printed_;
  pid_t pid_ = -1;
  std::string text_, current_, last_printed_;
  size_t printed_bytes_ = 0;
  bool done_ = false, timed_out_ = false;
};

}  // namespace

void check_in_child(const std::string& kind, double timeout_s, const std::function<void(Report&)>& apply,
                    const std::function<void(const Outcome&)>& say,
                    const std::function<void(const nlohmann::json&)>& other) {
  Child(kind, say, other).run(timeout_s, apply);
}

}  // namespace saddle::worker
