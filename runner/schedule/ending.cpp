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

// What LibTorch, CUDA and the C++ library say. As text: through the plugins' C
// interface nothing else comes.
bool speaks_of_memory(const std::string& text) {
  for (const char* words : {"std::bad_alloc", "can't allocate memory", "not enough memory",
                            "CUDA out of memory", "CUDA error: out of memory", "cudaErrorMemoryAllocation",
                            "CUBLAS_STATUS_ALLOC_FAILED", "cannot allocate memory", "Cannot allocate memory"})
    if (text.find(words) != std::string::npos) return true;
  return false;
}

std::string memory_message(const Evidence& evidence, const std::string& said) {
  if (evidence.data_limit_bytes > 0)
    return "needed more than " + std::to_string(evidence.data_limit_bytes >> 20) +
           " MB (limits.memory_mb): " + said;
  return "out of memory. Lower --jobs, train.batch or a width: " + said;
}

std::string without_numbers(const std::string& text) {
  std::string plain;
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit) {
      plain += c;
    } else if (plain.empty() || plain.back() != '#') {
      plain += '#';
    }
  }
  return plain;
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
  if (finished && finished->reason == db::Reason::error && speaks_of_memory(finished->message)) {
    end.reason = db::Reason::oom;
    end.message = memory_message(evidence, finished->message);
  } else if (finished && finished->reason != db::Reason::cancelled) {
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
    if (!finished)
      end.message = with_tail(end.message + "; it did not react and was killed", evidence.output_tail);
  } else if (!evidence.pruned.empty()) {
    end.reason = db::Reason::pruned;
    end.message = evidence.pruned;
  } else if (!evidence.paused.empty()) {
    end.reason = db::Reason::paused;
    end.message = evidence.paused;
  } else if (evidence.cancelled || finished) {
    end.reason = db::Reason::cancelled;
    end.message = finished ? "stopped at step " + std::to_string(end.last_step) : "killed on request";
    if (finished && !finished->message.empty()) end.message += ": " + finished->message;
  } else if (evidence.process.signal == SIGKILL && evidence.out_of_memory) {
    end.reason = db::Reason::oom;
    end.message = "killed by the kernel: out of memory. Lower --jobs, train.batch or a width.";
  } else if ((evidence.process.signal != 0 || evidence.process.exit_code != 0) &&
             speaks_of_memory(evidence.output_tail)) {
    end.reason = db::Reason::oom;
    end.message = memory_message(
        evidence, with_tail("the worker " + how_it_left(evidence.process), evidence.output_tail));
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

bool worth_retrying(const db::AttemptEnd& end, const Evidence& evidence, bool had_company) {
  if (end.reason == db::Reason::signal || end.reason == db::Reason::lost) return true;
  const bool over_its_limit = evidence.data_limit_bytes > 0 && !evidence.out_of_memory;
  return end.reason == db::Reason::oom && had_company && !over_its_limit;
}

std::string way_of_failing(const db::AttemptEnd& end, const std::string& trial) {
  std::string way(db::to_string(end.reason));
  if (end.signal) way += " signal " + std::to_string(*end.signal);
  if (end.exit_code) way += " exit " + std::to_string(*end.exit_code);
  if (end.reason != db::Reason::error) return way;
  // The last line: before it stands how the worker left, or what is said of the place.
  std::string line = end.message.substr(end.message.rfind('\n') + 1);
  for (std::size_t at; !trial.empty() && (at = line.find(trial)) != std::string::npos;)
    line.erase(at, trial.size());
  return way + " " + without_numbers(line);
}

}  // namespace saddle::schedule
