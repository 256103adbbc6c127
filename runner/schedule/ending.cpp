#include <schedule/ending.hpp>

#include <signal.h>

#include <algorithm>
#include <cstdio>

namespace saddle::schedule {
namespace {

std::string seconds(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%g s", value);
  return text;
}

std::string with_tail(std::string message, const std::string& tail) {
  return tail.empty() ? message + "; it printed nothing" : message + "; it printed last:\n" + tail;
}

std::string how_it_left(const Ending& process) {
  if (process.signal != 0) return "was ended by signal " + signal_name(process.signal);
  return "left with exit code " + std::to_string(process.exit_code);
}

}  // namespace

db::AttemptEnd judge(const Evidence& evidence) {
  db::AttemptEnd end;
  end.last_step = evidence.last_step;
  if (evidence.process.signal != 0) {
    end.signal = evidence.process.signal;
  } else {
    end.exit_code = evidence.process.exit_code;
  }

  const auto& finished = evidence.finished;
  if (finished) end.last_step = std::max(end.last_step, finished->step);
  if (finished && finished->reason != db::Reason::cancelled) {
    end.reason = finished->reason;
    end.message = finished->message;
    const bool left_badly = evidence.process.signal != 0 || evidence.process.exit_code != 0;
    if (left_badly && end.message.empty())
      end.message = "finished, and then the worker " + how_it_left(evidence.process);
  } else if (!evidence.protocol_error.empty()) {
    end.reason = db::Reason::error;
    end.message = with_tail(evidence.protocol_error, evidence.output_tail);
  } else if (evidence.timed_out) {
    end.reason = db::Reason::timeout;
    end.message = "stopped after " + seconds(evidence.time_limit_s) + " (limits.time_s)";
    if (!finished) end.message += "; it did not react and was killed";
  } else if (evidence.cancelled || finished) {
    end.reason = db::Reason::cancelled;
    end.message = finished ? "stopped at step " + std::to_string(end.last_step) : "killed on request";
    if (finished && !finished->message.empty()) end.message += ": " + finished->message;
  } else if (evidence.process.signal == SIGKILL && evidence.out_of_memory) {
    end.reason = db::Reason::oom;
    end.message = "killed by the kernel: out of memory. Lower --jobs, train.batch or a width.";
  } else if (evidence.process.signal != 0) {
    end.reason = db::Reason::signal;
    end.message = with_tail("the worker " + how_it_left(evidence.process), evidence.output_tail);
  } else {
    end.reason = db::Reason::error;
    end.message =
        with_tail("the worker " + how_it_left(evidence.process) + " without a result", evidence.output_tail);
  }
  return end;
}

}  // namespace saddle::schedule
