#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <common/frames.hpp>
#include <common/json.hpp>
#include <db/store.hpp>
#include <schedule/ending.hpp>
#include <schedule/fork_server.hpp>
#include <schedule/machine.hpp>
#include <schedule/messages.hpp>
#include <schedule/observer.hpp>
#include <schedule/process.hpp>

namespace saddle::schedule {

// With what attempts are started.
struct Launch {
  std::filesystem::path worker;                 // saddle-worker
  std::filesystem::path runs;                   // attempts get <runs>/<trial>/attempt-<n>
  ForkServer* forks = nullptr;                  // null: each worker loads everything itself
  std::string gpu;                              // CUDA_VISIBLE_DEVICES; empty: as it is
  std::uint64_t data_limit_bytes = 0;           // 0: none
  std::string watched;                          // a metric whose values take_watched() gives; empty: none
  std::optional<std::string> watched_protocol;  // under this protocol only; none: the first that comes
};

// One worker process and what it has told so far. Every frame goes to the store
// as it arrives; db::Error passes through everything here.
class Attempt {
 public:
  using Clock = std::chrono::steady_clock;

  // Claims the trial, makes the attempt's folder, starts the worker from the
  // furthest checkpoint that is what it was: by `how.forks` where that can. When
  // that fails the attempt is ended in the store before the error goes on.
  Attempt(const Job& job, db::Store& store, Observer& observer, const Launch& how, const OomWatch& oom);

  const Job& job() const { return job_; }
  std::int64_t id() const { return row_.id; }  // in the store
  Process& process() { return process_; }

  // Reads at most `limit` bytes of frames. A worker that sends what is no frame,
  // or a message that makes no sense, is killed.
  void read_frames(std::size_t limit);

  // Asks it to stop, once; kills it when `grace` is over.
  void cancel(std::chrono::milliseconds grace);
  void time_out(std::chrono::milliseconds grace, double time_limit_s);
  void prune(std::chrono::milliseconds grace, const std::string& why);
  void pause(std::chrono::milliseconds grace, const std::string& why);
  void kill();

  // Values of the watched metric since the last call: step, value.
  std::vector<std::pair<std::int64_t, double>> take_watched() { return std::exchange(watched_values_, {}); }
  bool saw_watched() const { return watched_key_.has_value(); }
  // The protocol of these values, and whether the metric came under another one too.
  const std::string& watched_protocol() const { return protocol_; }
  bool saw_other_protocol() const { return saw_other_protocol_; }

  Clock::time_point started() const { return started_; }
  bool stopping() const { return grace_end_.has_value(); }
  std::optional<Clock::time_point> grace_end() const { return grace_end_; }

  // Once the process has ended: takes its last frames and ends the attempt in
  // the store.
  db::AttemptEnd finish(OomWatch& oom);
  // Then: all that is known of how it ended.
  const Evidence& evidence() const { return evidence_; }

 private:
  Process launch(const Launch& how);
  std::optional<db::Checkpoint> usable_checkpoint();
  void stop(std::chrono::milliseconds grace);
  void handle(const Frame& frame);
  void on_event(const db::WorkerInfo& info, std::string_view text);
  void on_event(const Activity& activity, std::string_view text);
  void on_event(const Finished& finished, std::string_view text);
  void on_event(const Note& note, std::string_view text);
  void keep(const std::string& type, const std::string& message, std::string_view text);
  void on_metrics(std::string_view payload);
  void on_progress(const ProgressReport& report);

  Job job_;
  db::Store& store_;
  Observer& observer_;
  Clock::time_point started_ = Clock::now();  // before the claim
  std::optional<db::Checkpoint> from_;
  db::Attempt row_;
  std::filesystem::path folder_;
  Evidence evidence_;
  Process process_;
  FrameReader reader_;
  std::unordered_map<std::uint32_t, std::int64_t> keys_;  // the worker's number -> the store's
  std::vector<db::MetricRow> rows_;                       // reused
  std::string watched_;
  std::optional<std::string> wanted_protocol_;
  std::string protocol_;  // of watched_key_
  bool saw_other_protocol_ = false;
  std::optional<std::uint32_t> watched_key_;  // the worker's number of it
  std::vector<std::pair<std::int64_t, double>> watched_values_;
  std::int64_t oom_at_start_;
  std::optional<Clock::time_point> grace_end_;
  std::optional<Clock::time_point> told_;  // when the store last heard of progress
};

}  // namespace saddle::schedule
