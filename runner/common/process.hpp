#pragma once
#include <string>
#include <vector>

namespace saddle {

// How a child process ended and what it wrote.
struct ChildResult {
  int exit_code = -1;      // valid when signal is 0 and it was not cut off
  int signal = 0;          // the signal that ended it, 0 for none
  bool timed_out = false;  // it was silent for too long and was killed
  std::string out, err;    // err keeps the last 64 KiB

  bool ok() const { return exit_code == 0 && signal == 0 && !timed_out; }
  // "was killed by signal 11 (Segmentation fault)", "left with code 3", "gave no answer for 20 s",
  // and the last line it wrote to stderr.
  std::string failure() const;
  double silence_s = 0;  // the limit it ran under
};

// Runs a program with `input` on its stdin, collects stdout and stderr, and waits
// for its end. It is killed after `silence_s` seconds without a byte of output.
// Throws Error (kEnvironment) when it cannot be started. Blocks; any thread.
ChildResult run_child(const std::vector<std::string>& argv, const std::string& input, double silence_s);

}  // namespace saddle
