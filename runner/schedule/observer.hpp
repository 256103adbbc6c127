#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

#include <common/frames.hpp>
#include <common/json.hpp>
#include <db/store.hpp>

namespace saddle::schedule {

// A trial that shall run.
struct Job {
  std::int64_t trial = 0;  // its id in the store
  std::string name, experiment;
  std::int64_t seed = 0;
  Json config;                // resolved
  Json plugins;               // {"loss/hinge": "/abs/file.so", ...}
  Json pins;                  // {"loss/hinge": SHA-256}: files that the worker must not open otherwise
  Json taken_from;            // {"/copy.so": "/abs/file.so"}: plugins that the store knows by another name
  std::int64_t rounds = 0;    // train.rounds; 0: not known
  int train_threads = 1;      // train.threads of the config
  int threads = 1;            // cores that it takes while it runs
  bool cuda = false;          // its worker must not be forked: CUDA does not survive that
  double gpu_share = 1;       // of one GPU, if it is for one
  bool from_scratch = false;  // do not go on from a checkpoint
  bool alone = false;         // it ran out of memory beside others: next time nothing runs beside it
  std::int64_t last_attempt = 0;  // its id in the store; 0: it was never begun
  bool promoted = false;          // by a pruner, and not begun again yet
  int retries = 0;                // attempts in this run that ended for no fault of the trial's
};

// Told what happens while trials run, on the scheduler's thread. Be quick.
class Observer {
 public:
  virtual ~Observer() = default;
  // start_step: of the checkpoint it goes on from; -1 when it starts anew.
  virtual void on_start(const Job&, std::int64_t /*attempt_number*/, std::int64_t /*start_step*/) {}
  virtual void on_progress(const Job&, const ProgressReport&) {}
  // Something long within a component, "digits: reading images"; total 0: unknown.
  virtual void on_activity(const Job&, const std::string& /*what*/, std::int64_t /*done*/,
                           std::int64_t /*total*/) {}
  virtual void on_warning(const Job&, const std::string&) {}
  virtual void on_end(const Job&, const db::AttemptEnd&, double /*seconds*/, const std::filesystem::path&) {}
  // After on_end: the trial is queued again.
  virtual void on_retry(const Job&, int /*retries_left*/) {}
  // A trial waits to be promoted: after on_end, or since an earlier run.
  virtual void on_paused(const Job&) {}
  // A trial that does not run will not go on.
  virtual void on_pruned(const Job&, const std::string& /*why*/) {}
  virtual void on_notice(const std::string&) {}  // about the run as a whole
  virtual void on_tick() {}                      // at least five times a second
};

}  // namespace saddle::schedule
