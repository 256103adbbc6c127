#pragma once
#include <stdexcept>
#include <string>

namespace saddle {

// Exit codes of the program, as its README documents them.
enum ExitCode : int {
  kOk = 0,
  kNegative = 1,     // finished, but a trial failed or a check said no
  kBadInput = 2,     // usage, a grid file, an argument
  kEnvironment = 3,  // database locked or newer, disk full, no worker
  kInterrupted = 130,
};

// What ends an operation. The text is for the user: what was found, what was
// expected, what to do next. main() prints it and leaves with exit_code.
struct Error : std::runtime_error {
  explicit Error(const std::string& text, int code = kBadInput) : std::runtime_error(text), exit_code(code) {}
  int exit_code;
};

}  // namespace saddle
