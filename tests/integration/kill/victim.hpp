#pragma once
#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "program.hpp"

namespace saddle::test {

// Where instants.c rings: its point, the how manieth call, before, in the middle of or after it, and whether
// the process stays there.
struct Instant {
  std::string point;  // empty: nowhere
  long number = 0;    // 0: only counts
  std::string when = "before";
  bool hold = false;
};

struct Process {
  pid_t id = -1;
  std::string role;  // saddle, or a worker's command: prove, train, serve
};

// A saddle that is run to be killed. It and all that it starts carry a mark, by which they are found however
// they are related; what is left of them goes at the end.
class Victim {
 public:
  Victim(const Place& place, Arguments arguments, const Instant& instant);
  ~Victim();
  Victim(const Victim&) = delete;

  // Waits until the bell rings, or saddle has ended: then an id of -1.
  Process wait_for_bell();
  long calls() const;  // that the instant's point has had so far
  void let_go() const;

  pid_t saddle() const { return saddle_; }
  std::vector<Process> processes() const;  // those that live
  std::vector<Process> workers() const;
  // saddle's wait status.
  int wait();
  // Waits for the end of all; what is still there after 10 s.
  std::vector<Process> orphans() const;
  std::string said() const;
  const std::filesystem::path& folder() const { return folder_; }

 private:
  bool ended();
  std::filesystem::path folder_;
  std::string mark_;
  pid_t saddle_ = -1;
  int status_ = -1;
  bool reaped_ = false;
};

}  // namespace saddle::test
