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
  bool out_of_memory = false;  // the kernel has killed for want of memory meanwhile
  double time_limit_s = 0;
  std::int64_t last_step = -1;  // furthest step that was reported
  std::string output_tail;      // last lines it printed
};

// Why an attempt ended. What the worker finished stands, however it left
// afterwards; otherwise what we did to it comes before what happened to it.
db::AttemptEnd judge(const Evidence& evidence);

}  // namespace saddle::schedule
