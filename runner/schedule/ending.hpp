#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include <db/store.hpp>
#include <schedule/process.hpp>

namespace saddle::schedule {

// What the worker said last, in its "finished" event.
struct Finished {
  db::Reason reason = db::Reason::ok;  // ok, diverged, error, cancelled
  std::string message;
  std::int64_t step = -1;
};

// All that is known about an attempt when its process is gone.
struct Evidence {
  Ending process;
  std::optional<Finished> finished;
  std::string protocol_error;  // why its frames could not be read; empty if they could
  bool timed_out = false;      // its time was over and it was told to stop
  bool cancelled = false;      // the user told it to stop
  std::string pruned, paused;  // why a pruner told it to stop, for good or for now
  bool out_of_memory = false;  // the kernel has killed for want of memory meanwhile
  double time_limit_s = 0;
  std::uint64_t data_limit_bytes = 0;  // limits.memory_mb; 0: none
  std::int64_t last_step = -1;         // furthest step that was reported
  std::string output_tail;             // last lines it printed
};

// Why an attempt ended. What the worker finished stands, however it left
// afterwards; otherwise what we did to it comes before what happened to it.
db::AttemptEnd judge(const Evidence& evidence);

// Whether the same trial may well fare better in another attempt: one that was
// ended by a signal; one that ran out of memory beside others, unless it was over
// its own limit. An error, a timeout or a result would only come again.
bool worth_retrying(const db::AttemptEnd& end, const Evidence& evidence, bool had_company);

// The same text for attempts that failed in the same way: reason, exit code, signal,
// and what an error said, without numbers and without the trial's name.
std::string way_of_failing(const db::AttemptEnd& end, const std::string& trial);

}  // namespace saddle::schedule
