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
#include <schedule/prune.hpp>
#include <schedule/requests.hpp>
#include <schedule/slots.hpp>

namespace saddle::schedule {

struct Options {
  std::filesystem::path worker;   // saddle-worker
  std::filesystem::path runs;     // attempts get <runs>/<trial>/attempt-<n>
  int jobs = 0;                   // at most so many at a time; 0: as many as their threads leave cores for
  std::vector<std::string> gpus;  // names for CUDA_VISIBLE_DEVICES; none: nobody asked
  double time_limit_s = 0;        // of one attempt; 0: none
  std::uint64_t data_limit_bytes = 0;       // of memory, of one attempt; 0: none
  int retries = 0;                          // of a trial whose attempt ended for no fault of its own
  int stop_after_failures = 0;              // stop when the first so many fail in one way; 0: never
  bool cold = false;                        // start every worker from the beginning instead of forking it
  Pruner* pruner = nullptr;                 // who says what is not worth going on with; none: everything is
  bool all_that_is_left = true;             // of the experiment; else others may yet be compared with these
  bool has_result = false;                  // some trial of it was trained to its end before
  std::filesystem::path requests;           // folder of what other terminals ask; empty: nobody may
  std::chrono::milliseconds grace{30'000};  // between SIGTERM and SIGKILL
  ForkServer::Patience patience;
  OomWatch oom;
};

struct Summary {
  std::map<db::Reason, int> ended;  // trials, by how their last attempt ended
  int retried = 0;                  // attempts before those
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
  struct Running {
    Attempt attempt;
    Slot slot;
    bool had_company = false;  // something ran beside it
    bool promoted = false;     // while it was stopping for a pause
  };

  void prepare_forks();
  void start_what_fits();
  bool start_one();
  void start(const Job& job);
  void wait_for_something();
  void on_interrupt();
  void take_requests();
  void cancel(const Request& request);
  void check_deadlines();
  void take_up();
  void consider(Running& running);
  bool comparable(const Attempt& attempt);
  void consider(Running& running, std::int64_t step, double value);
  void queue_promoted();
  std::optional<std::int64_t> next_promoted(std::int64_t asking);
  bool let_go_on(const Promotion& promotion, std::int64_t asking);
  std::optional<std::int64_t> give_last_chance(std::int64_t asking);
  void record(const char* type, const Job& job, std::int64_t attempt, const std::string& why,
              const Grounds& grounds);
  void end(const Job& job, const Verdict& verdict);
  void pause(const Job& job);
  void end_paused();
  void stop_all(const std::string& why);
  void reap(std::list<Running>::iterator running);
  bool retry(const Attempt& attempt, const db::AttemptEnd& end, bool had_company);
  void count_failure(const db::AttemptEnd& end, const std::string& trial);

  db::Store& store_;
  Observer& observer_;
  Interrupts& interrupts_;
  Options options_;
  Slots slots_;
  std::optional<ForkServer> forks_;
  std::optional<Mailbox> mailbox_;
  std::chrono::steady_clock::time_point looked_for_requests_{};
  std::deque<Job> waiting_;
  std::list<Running> running_;
  std::map<std::int64_t, Job> paused_;   // by a pruner; waiting to be promoted
  std::optional<std::string> protocol_;  // of the values that the pruner compares
  bool said_unmeasured_ = false;         // that a trial ended without the pruner's metric
  bool said_incomparable_ = false;       // that one measured it in another way
  bool stopping_ = false;
  int interrupts_seen_ = 0;
  int attempts_ended_ = 0;
  std::optional<std::string> one_way_;  // in which all attempts so far failed; none: they did not
  std::exception_ptr fatal_;            // why no worker could be started
  Summary summary_;
};

}  // namespace saddle::schedule
