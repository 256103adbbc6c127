#include <array>

#include "db/store.hpp"

// Reasons for which attempts end, by name. No SQLite here.
namespace saddle::db {
namespace {

struct ReasonName {
  Reason reason;
  std::string_view name;
  TrialState state;
};
constexpr std::array<ReasonName, 10> kReasons{{{Reason::ok, "ok", TrialState::done},
                                               {Reason::pruned, "pruned", TrialState::pruned},
                                               {Reason::paused, "paused", TrialState::paused},
                                               {Reason::diverged, "diverged", TrialState::done},
                                               {Reason::error, "error", TrialState::failed},
                                               {Reason::signal, "signal", TrialState::failed},
                                               {Reason::oom, "oom", TrialState::failed},
                                               {Reason::timeout, "timeout", TrialState::failed},
                                               {Reason::cancelled, "cancelled", TrialState::stopped},
                                               {Reason::lost, "lost", TrialState::stopped}}};

const ReasonName& of(Reason reason) {
  for (const ReasonName& entry : kReasons)
    if (entry.reason == reason) return entry;
  throw Error(ErrorKind::usage, "not a reason");
}

}  // namespace

std::string_view to_string(Reason reason) { return of(reason).name; }
TrialState state_after(Reason reason) { return of(reason).state; }

std::optional<Reason> reason_from(std::string_view text) {
  for (const ReasonName& entry : kReasons)
    if (entry.name == text) return entry.reason;
  return std::nullopt;
}

}  // namespace saddle::db
