#include "victim.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include <charconv>
#include <fstream>
#include <iterator>
#include <thread>

#include <common/paths.hpp>

namespace saddle::test {
namespace fs = std::filesystem;
namespace {

using Clock = std::chrono::steady_clock;

std::string content(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string name_of(const std::string& arguments) {
  const std::string program = fs::path(arguments.c_str()).filename();
  if (program != "saddle-worker") return program;
  const std::size_t second = arguments.find('\0') + 1;
  return second < arguments.size() ? arguments.c_str() + second : program;
}

}  // namespace

Victim::Victim(const Place& place, Arguments arguments, const Instant& instant)
    : folder_(place / "bell"), mark_("SADDLE_TEST_MARK=" + place.folder.string()) {
  fs::remove_all(folder_);
  fs::create_directory(folder_);
  if (instant.hold) std::ofstream(folder_ / "hold") << "";
  const std::string database = (place / "saddle.db").string(), said = (folder_ / "said").string();
  arguments.insert(arguments.begin(), {SADDLE_PROGRAM, "--db", database});
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const std::string where = instant.point + " " + std::to_string(instant.number) + " " + instant.when +
                            (instant.hold ? " 1" : " 0");
  saddle_ = ::fork();
  REQUIRE(saddle_ >= 0);
  if (saddle_ > 0) return;
  ::setenv("SADDLE_TEST_MARK", place.folder.c_str(), 1);
  if (!instant.point.empty()) {
    ::setenv("SADDLE_BELL", folder_.c_str(), 1);
    ::setenv("SADDLE_INSTANT", where.c_str(), 1);
    ::setenv("LD_PRELOAD", INSTANTS, 1);
  }
  const int out = ::open(said.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (out < 0 || ::dup2(out, 1) < 0 || ::dup2(out, 2) < 0) ::_exit(126);
  ::close(out);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

Victim::~Victim() {
  for (const Process& left : processes()) ::kill(left.id, SIGKILL);
  if (!reaped_) ::waitpid(saddle_, nullptr, 0);
}

bool Victim::ended() {
  if (!reaped_) reaped_ = ::waitpid(saddle_, &status_, WNOHANG) == saddle_;
  return reaped_;
}

Process Victim::wait_for_bell() {
  const auto end = Clock::now() + std::chrono::seconds(120);
  while (Clock::now() < end) {
    const bool over = ended();
    if (const std::string text = content(folder_ / "rung"); !text.empty()) {
      Process process;
      const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), process.id);
      REQUIRE(error == std::errc());
      process.role.assign(rest + 1, text.data() + text.size() - 1);
      return process;
    }
    if (over) return {};
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  FAIL("saddle neither came to the instant nor to its end in two minutes:\n" << said());
  return {};
}

long Victim::calls() const {
  std::error_code none;
  const auto size = fs::file_size(folder_ / "count", none);
  return none ? 0 : static_cast<long>(size);
}

void Victim::let_go() const { fs::remove(folder_ / "hold"); }

std::vector<Process> Victim::processes() const {
  std::vector<Process> found;
  std::error_code error;
  for (fs::directory_iterator at("/proc", error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string environment = '\0' + content(at->path() / "environ");
    if (environment.find('\0' + mark_ + '\0') == std::string::npos) continue;
    found.push_back({static_cast<pid_t>(std::stol(name)), name_of(content(at->path() / "cmdline"))});
  }
  return found;
}

std::vector<Process> Victim::workers() const {
  auto all = processes();
  std::erase_if(all, [](const Process& process) {
    return process.role != "describe" && process.role != "prove" && process.role != "serve" &&
           process.role != "train";
  });
  return all;
}

int Victim::wait() {
  const auto end = Clock::now() + std::chrono::seconds(180);
  while (!ended()) {
    if (Clock::now() > end) FAIL("saddle did not end in three minutes:\n" << said());
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return status_;
}

std::vector<Process> Victim::orphans() const {
  const auto end = Clock::now() + std::chrono::seconds(10);
  auto left = processes();
  while (!left.empty() && Clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    left = processes();
  }
  return left;
}

std::string Victim::said() const { return content(folder_ / "said"); }

}  // namespace saddle::test
