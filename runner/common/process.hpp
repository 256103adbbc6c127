#pragma once
#include <string>
#include <vector>

namespace saddle {

// How a child process ended and what it wrote.
struct ChildResult {
  int exit_code = -1;      // valid when signal is 0 and it was not cut off
  int signal = 0;          // the signal that ended it, 0 for none
  bool timed_out = false;  // it was silent for too long and was stopped
  std::string out, err;    // err keeps the last 64 KiB

  bool ok() const { return exit_code == 0 && signal == 0 && !timed_out; }
  // "was killed by signal 11 (Segmentation fault)", "left with code 3", "gave no answer for 20 s",
  // and the last line it wrote to stderr.
  std::string failure() const;
  double silence_s = 0;  // the limit that it broke
};

struct ChildLimits {
  double silence_s = 0;       // stopped after so many seconds without a byte of output
  double start_s = 0;         // the same for its first byte; 0: silence_s
  bool answers_only = false;  // what it writes to stderr is no sign of life
};

// Runs a program with `input` on its stdin, collects stdout and stderr, and waits
// for its end. Silent for too long it is stopped: SIGTERM, and SIGKILL half a
// second later. Throws Error (kEnvironment) when it cannot be started. Blocks; any thread.
ChildResult run_child(const std::vector<std::string>& argv, const std::string& input,
                      const ChildLimits& limits);
inline ChildResult run_child(const std::vector<std::string>& argv, const std::string& input,
                             double silence_s) {
  return run_child(argv, input, ChildLimits{silence_s});
}

}  // namespace saddle
