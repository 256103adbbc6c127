#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/error.hpp"
#include "db/process.hpp"
#include "db/value.hpp"

// The writing side of the database. One Store per database at a time, held by
// the one process that writes it; everybody else reads through db::Reader.
//
// Threads: every method may be called from any thread. All work is done by one
// writer thread that owns the only writing connection and alone checkpoints
// (SQLite 3.40 can lose pages when two connections do), in the order in which
// the calls were made.
//
// Promise: what a method that returned has written survives SIGKILL. The queued
// methods (append_metrics, add_artifact, add_event, report_progress) return before they have
// written; flush(), and any other method, returns only after all that was
// queued before it is committed, or throws.
namespace saddle::db {

struct OpenOptions {
  // How long to wait for another writer to leave. 0: do not wait. max(): for ever.
  std::chrono::milliseconds wait{0};
  // How long to wait for workers of a killed `saddle` to be gone too.
  std::chrono::milliseconds orphan_wait{2000};
  // One-line remarks for the user: waiting, migrated, checked, marked as lost.
  std::function<void(const std::string&)> notice;
  // append_metrics blocks while this many rows wait to be written.
  std::size_t queue_rows = 200'000;
};

struct NewExperiment {
  std::string name;
  std::string spec_text;    // the grid as the user wrote it
  std::string spec_sha256;  // of all that decides the plan (the text and the --set overrides)
  std::string file;
  std::string git_commit;  // empty: not in a repository
  bool git_dirty = false;
};

struct ExperimentInfo {
  std::int64_t id = 0;
  std::string name, spec_text, spec_sha256, file, git_commit;
  bool git_dirty = false;
  std::int64_t created_ms = 0;
};

struct PlannedTrial {
  std::string name;  // 0007-hinge-w32-s2
  std::int64_t ordinal = 0;
  std::string config_hash;
  std::string trial_hash;
  std::int64_t seed = 0;
  std::string config_json;
  std::vector<Param> params;  // empty: flatten_config(config_json)
};

struct PlanCounts {
  std::size_t planned = 0;  // new in this database
  std::size_t done = 0;     // have a result already, from this experiment or another
  std::size_t known = 0;    // were planned before and have no result yet
};

enum class TrialState { planned, running, done, pruned, paused, failed, stopped };
enum class Reason { ok, pruned, paused, diverged, error, signal, oom, timeout, cancelled, lost };

std::string_view to_string(TrialState state);
std::string_view to_string(Reason reason);
std::optional<Reason> reason_from(std::string_view text);

// ok and diverged are results (done); a pruned trial is over without one; a paused
// one waits to be promoted; cancelled and lost leave the trial stopped; all others
// leave it failed.
TrialState state_after(Reason reason);

struct TrialInfo {
  std::int64_t id = 0;
  std::string name;  // in the experiment that was asked for
  std::int64_t ordinal = 0;
  std::string config_hash, trial_hash;
  std::int64_t seed = 0;
  std::string config_json;
  TrialState state = TrialState::planned;
  std::optional<Reason> reason;  // of the last attempt that ended
  std::string message;
  std::int64_t attempts = 0;
  std::int64_t last_step = -1;
  std::int64_t last_attempt = 0;  // its id; 0: there is none
};

// A place from which a trial may go on. Verify the hash: a worker killed at the
// wrong instant has replaced the file by one whose metrics never arrived.
struct Checkpoint {
  std::int64_t attempt = 0;
  std::filesystem::path path;  // attempt folder and file
  std::int64_t step = 0;
  std::string sha256;
};

struct AttemptStart {
  std::int64_t start_step = -1;  // step of the checkpoint it goes on from; -1: from the beginning
  std::int64_t threads = 0;      // 0: not known yet
  std::string folder;            // may be set later, by attempt_spawned
};

struct Attempt {
  std::int64_t id = 0;
  std::int64_t number = 0;  // 1, 2, ... within its trial
};

struct PluginUsed {
  std::string kind, name, version;  // loss, hinge, 1
  std::string file, sha256;
};

// What the worker says of itself in its "started" event.
struct WorkerInfo {
  std::string libtorch, isa, device;
  std::int64_t threads = 0;
  std::int64_t resumed_from_step = -1;  // what really happened; replaces AttemptStart::start_step
  std::vector<PluginUsed> plugins;
};

struct AttemptEnd {
  Reason reason = Reason::ok;
  std::optional<int> exit_code;
  std::optional<int> signal;
  std::string message;
  std::int64_t last_step = -1;
};

struct MetricRow {
  std::int64_t key = 0;  // from metric_key
  std::int64_t step = 0;
  double value = 0;  // NaN and infinities are kept as such
};

// A value that was measured after training.
struct Evaluation {
  std::string name, protocol;  // as metric_key takes them
  std::int64_t step = 0;       // of the checkpoint
  double value = 0;            // NaN and infinities are kept as such
};

// What a merge took over.
struct MergeCounts {
  std::int64_t trials = 0;    // that were not known here
  std::int64_t results = 0;   // trials that are done by it
  std::int64_t attempts = 0;  // new ones, and those of which the other file knows more
  std::int64_t metrics = 0, artifacts = 0;
  std::int64_t duplicates = 0;  // results left out, since their trial is done here
  std::int64_t running = 0;     // trials left out, since they run here
};

// How far a running attempt is.
struct Progress {
  std::int64_t step = 0, steps = 0;
  double steps_per_second = 0;
  std::optional<std::int64_t> first_step_ms;  // since the claim; once
};

struct Artifact {
  std::string kind;  // samples, checkpoint, file
  std::string name;
  std::int64_t step = 0;
  std::string path;  // relative to the attempt's folder; a second one with the same path replaces the first
  std::string sha256;
  std::int64_t bytes = 0;
  std::string media_type;
};

struct Event {
  std::string type;                                     // "warning", "planned", ...
  std::string message;                                  // one line
  std::string data;                                     // JSON, or empty
  std::int64_t experiment = 0, trial = 0, attempt = 0;  // 0: not about one
};

// A trial as it belongs to an experiment.
struct Membership {
  std::int64_t experiment = 0, trial = 0;
};

// The folder of one attempt's files, as it was recorded.
struct AttemptFolder {
  std::int64_t number = 0;  // of the attempt within its trial
  std::filesystem::path path;
};

// What Store::remove took away.
struct Removed {
  std::int64_t experiments = 0, trials = 0, values = 0, artifacts = 0;
  std::int64_t shared = 0;             // trials that stay, since another experiment has them
  std::vector<AttemptFolder> folders;  // of attempts that are no more; their files are the caller's
};

class Store {
 public:
  // Creates or migrates the file, takes the lock `<path>.lock`, and marks
  // attempts as lost whose process is gone. Throws Error.
  explicit Store(const std::filesystem::path& path, OpenOptions options = {});
  // Closes; an error that nobody can hear any more is dropped, so call close().
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  const std::filesystem::path& path() const;

  // The same name and spec_sha256 give the experiment that is there already.
  std::int64_t add_experiment(const NewExperiment& experiment);
  // Stores the plan, all or nothing. A trial is one row per trial_hash in the
  // whole database: one that is there already is linked to this experiment,
  // whatever its state; while it has no result it takes over the new config.
  PlanCounts freeze_plan(std::int64_t experiment, const std::vector<PlannedTrial>& trials);
  // By id or by name; of several with one name, the newest.
  std::optional<ExperimentInfo> find_experiment(std::string_view name_or_id);
  std::optional<ExperimentInfo> latest_experiment();

  // In the order of the plan.
  std::vector<TrialInfo> trials(std::int64_t experiment);
  // Planned minus done minus those that a living process still runs; what was
  // pruned only if asked for.
  std::vector<TrialInfo> trials_to_run(std::int64_t experiment, bool pruned_too = false);
  // Makes trials that are done planned again, from the beginning. Their attempts stay
  // with all their rows, but count no more: the views show what comes after. Throws
  // Error (usage) if one of them is not done.
  void run_again(const std::vector<std::int64_t>& trials, const std::string& why);
  // Takes trials out of experiments, and whole experiments away, in one transaction. A trial
  // that no experiment has any more goes with all its rows; an event "remove" of the experiment, if that
  // stays, has its trial_hash. Throws Error (usage), and changes nothing, if one of those runs.
  Removed remove(const std::vector<Membership>& members, const std::vector<std::int64_t>& experiments);
  // Gives the pages of removed rows back to the file system. Takes as long as writing the file anew, and for
  // that time as much space again.
  void compact();
  // Usable checkpoints, the furthest first.
  std::vector<Checkpoint> checkpoints(std::int64_t trial);

  // Claims the trial (state running) in the name of this process. Throws Error
  // (usage) if it is done or running. Order of a start: begin_attempt, make the
  // folder, start the worker, attempt_spawned.
  Attempt begin_attempt(std::int64_t trial, const AttemptStart& start = {});
  void attempt_spawned(std::int64_t attempt, std::int64_t pid, const std::filesystem::path& folder);
  void attempt_started(std::int64_t attempt, const WorkerInfo& worker);
  // Ends the attempt, writes what its curves came to (the view finals, which is
  // kept up to a second old while it runs) and sets its trial's state, in one
  // transaction. Rows queued before are in it.
  void finish_attempt(std::int64_t attempt, const AttemptEnd& end);
  // A trial whose last attempt ended without a result will not go on: it is pruned.
  void prune_stopped(std::int64_t trial, const std::string& message);

  // The id of a metric under an evaluation protocol (canonical JSON; empty for a
  // training term). Cached: cheap after the first call.
  std::int64_t metric_key(const std::string& name, const std::string& protocol_json = {});

  // Queued. A step that comes again in the same attempt replaces the earlier row.
  // Throws the writer's error while rows cannot be written (the rows are kept and
  // tried again by the next flush); blocks while the queue is full.
  void append_metrics(std::int64_t attempt, const std::vector<MetricRow>& rows);
  void add_artifact(std::int64_t attempt, const Artifact& artifact);
  void add_event(const Event& event);
  // Once a second is enough for those who look.
  void report_progress(std::int64_t attempt, const Progress& progress);

  // Adds values to an attempt that has ended, all or nothing. What is there already under the same name,
  // protocol and step stays. Returns how many are new. Throws Error (usage) if the attempt runs or its rows
  // at that step count no more.
  std::size_t add_evaluations(std::int64_t attempt, const std::vector<Evaluation>& rows);

  // Takes over all that another database knows of its trials (or of those with the hashes `only`), in one
  // transaction. Doing it again changes nothing. Done beats all else, of two results the one that is here
  // stays; an attempt that is here too is replaced where the other file knows its end and this one does not.
  // Files of attempts stay where they are. With `only`, trials that are here stay in the experiments that
  // they are in. Throws Error (older, newer, foreign, missing) for what is no database of this format.
  MergeCounts merge(const std::filesystem::path& file, const std::vector<std::string>& only = {});

  // Returns when everything queued before is committed, or throws why it is not.
  void flush();
  // flush, last checkpoint, release of the lock. The Store is unusable after.
  void close();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace saddle::db
