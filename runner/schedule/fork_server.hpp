#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <schedule/process.hpp>

namespace saddle::schedule {

// A worker that has loaded LibTorch and the plugins, and forks a process for each
// attempt: that saves the quarter of a second that a worker takes to load. It is
// started when first needed, again when it is gone or a plugin file was changed,
// and given up after a few failures in a row: then, and for what must not be forked
// (CUDA), Process::start does the same from the beginning.
class ForkServer {
 public:
  // How long it may take; a server that takes longer is killed.
  struct Patience {
    std::chrono::milliseconds loading{30'000};  // LibTorch from a cold disk
    std::chrono::milliseconds forking{5'000};
  };

  // `notice` hears, once, why workers are started one by one from then on.
  ForkServer(std::filesystem::path worker, std::vector<std::filesystem::path> plugins,
             std::function<void(const std::string&)> notice, Patience patience);

  // A child of this process as Process::start gives it; argv[0] is not looked at.
  // Nothing when that cannot be had now. Throws saddle::Error when the command's own
  // part is at fault: its output file, no descriptors left.
  std::optional<Process> start(const Command& command);

  // Of the server, for tests; -1 while there is none.
  pid_t pid() const { return server_ ? server_->pid() : -1; }

 private:
  bool ensure_server();
  bool launch(const std::vector<std::filesystem::path>& plugins);
  std::optional<Process> ask(const Command& command);
  void stop(const std::string& why);

  std::filesystem::path worker_;
  std::vector<std::filesystem::path> plugins_;
  std::function<void(const std::string&)> notice_;
  Patience patience_;
  std::optional<Process> server_;
  std::vector<std::string> loaded_;  // what the plugin files were when they were loaded
  Fd output_;                        // what the server prints, in memory
  std::uint64_t asked_ = 0;
  int failures_ = 0;      // since one succeeded
  std::string why_;       // the last of them
  bool gave_up_ = false;  // and said so
};

// Of a file as it is on disk: another text once it was written or replaced. Empty when there is none.
std::string file_state(const std::filesystem::path& file);

}  // namespace saddle::schedule
