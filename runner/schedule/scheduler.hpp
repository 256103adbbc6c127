#pragma once
#include <chrono>
#include <deque>
#include <exception>
#include <filesystem>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <db/store.hpp>
#include <schedule/attempt.hpp>
#include <schedule/fork_server.hpp>
#include <schedule/interrupts.hpp>
#include <schedule/machine.hpp>
#include <schedule/observer.hpp>

namespace saddle::schedule {

struct Options {
  std::filesystem::path worker;  // saddle-worker
  std::filesystem::path runs;    // attempts get <runs>/<trial>/attempt-<n>
  int jobs = 0;                  // at most so many at a time; 0: as many as their threads leave cores for
  double time_limit_s = 0;       // of one attempt; 0: none
  int stop_after_failures = 0;   // stop when the first so many trials all fail; 0: never
  bool cold = false;             // start every worker from the beginning instead of forking it
  ForkServer::Patience patience;
  std::chrono::milliseconds grace{30'000};  // between SIGTERM and SIGKILL
  OomWatch oom;
};

struct Summary {
  std::map<db::Reason, int> ended;
  int not_started = 0;
  bool interrupted = false;  // by the user
  bool gave_up = false;      // stop_after_failures

  int count(db::Reason reason) const;
  // Ended without a result by their own fault: neither done nor cancelled.
  int failed() const;
};

// Runs trials, one worker process each, side by side. One event loop on the
// calling thread, which must live until run() returns: the kernel kills the
// workers when it ends. The first interrupt asks the workers to stop (they
// checkpoint; their trials stay to be resumed), the second kills them.
class Scheduler {
 public:
  Scheduler(db::Store& store, Observer& observer, Interrupts& interrupts, Options options);

  // Returns when all have ended and are in the store. Throws db::Error when the
  // database cannot be written (the workers are killed, their trials count as
  // lost), and what Attempt throws when no worker can be started.
  Summary run(const std::vector<Job>& jobs);

 private:
  void prepare_forks();
  void start_what_fits();
  bool fits(const Job& job) const;
  void wait_for_something();
  void on_interrupt();
  void check_deadlines();
  void stop_all(const std::string& why);
  void reap(std::list<Attempt>::iterator attempt);

  db::Store& store_;
  Observer& observer_;
  Interrupts& interrupts_;
  Options options_;
  int cores_ = available_cores();
  std::optional<ForkServer> forks_;
  std::deque<Job> waiting_;
  std::list<Attempt> running_;
  bool stopping_ = false;
  int interrupts_seen_ = 0;
  std::exception_ptr fatal_;  // why no worker could be started
  Summary summary_;
};

}  // namespace saddle::schedule
