#include <schedule/scheduler.hpp>

#include <poll.h>

#include <algorithm>
#include <set>
#include <utility>

namespace saddle::schedule {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kTick_ms = 100;
constexpr auto kLookForRequests = std::chrono::milliseconds(250);
constexpr std::size_t kBytesPerTurn = std::size_t{1} << 20;  // so that one loud worker does not starve others

Clock::time_point after(Clock::time_point start, double seconds) {
  return start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

bool is_failure(db::Reason reason) { return db::state_after(reason) == db::TrialState::failed; }

}  // namespace

int Summary::count(db::Reason reason) const {
  const auto found = ended.find(reason);
  return found == ended.end() ? 0 : found->second;
}

int Summary::failed() const {
  int sum = 0;
  for (const auto& [reason, n] : ended) sum += is_failure(reason) ? n : 0;
  return sum;
}

Scheduler::Scheduler(db::Store& store, Observer& observer, Interrupts& interrupts, Options options)
    : store_(store),
      observer_(observer),
      interrupts_(interrupts),
      options_(std::move(options)),
      slots_(options_.jobs, available_cores(), static_cast<int>(options_.gpus.size())) {}

Summary Scheduler::run(const std::vector<Job>& jobs) {
  waiting_.assign(jobs.begin(), jobs.end());
  prepare_forks();
  if (options_.pruner != nullptr) take_up();
  if (!options_.requests.empty()) mailbox_.emplace(options_.requests);
  while (true) {
    start_what_fits();
    if (running_.empty() && (waiting_.empty() || stopping_)) {
      if (stopping_ || !give_last_chance(0)) break;
      continue;
    }
    wait_for_something();
    take_requests();
    check_deadlines();
    observer_.on_tick();
  }
  for (const Job& job : waiting_)
    ++(job.promoted ? summary_.ended[db::Reason::paused] : summary_.not_started);
  end_paused();
  if (fatal_) std::rethrow_exception(fatal_);
  return summary_;
}

// For one trial a server would only be one process more.
void Scheduler::prepare_forks() {
  std::set<std::filesystem::path> plugins;
  int forked = 0;
  for (const Job& job : waiting_) {
    if (job.cuda) continue;
    ++forked;
    // A pinned file is opened by each attempt, which holds it against its pin before.
    for (const auto& [component, file] : job.plugins.items())
      if (!job.pins.contains(component)) plugins.insert(file.get<std::string>());
  }
  if (options_.cold || forked < 2) return;
  forks_.emplace(
      options_.worker, std::vector(plugins.begin(), plugins.end()),
      [this](const std::string& text) { observer_.on_notice(text); }, options_.patience);
}

// What an earlier run has left: trials that wait for their promotion, some that it
// had yet to stop, and those that were on their way up, which go first.
void Scheduler::take_up() {
  Pruner& pruner = *options_.pruner;
  protocol_ = pruner.rule().protocol;
  std::erase_if(waiting_, [&](const Job& job) {
    if (pruner.holds(job.trial)) {
      pause(job);
      return true;
    }
    const Verdict verdict = pruner.recall(job.trial);
    if (verdict.what != Verdict::What::prune || job.last_attempt == 0) return false;
    end(job, verdict);
    return true;
  });
  std::stable_partition(waiting_.begin(), waiting_.end(),
                        [&](const Job& job) { return pruner.under_way(job.trial); });
}

// In the order of the queue: one that waits for cores holds up those behind it, or
// many small ones would keep it waiting for ever. One that waits for a GPU lets
// those pass that need none.
void Scheduler::start_what_fits() {
  do {
    queue_promoted();
  } while (start_one());
}

bool Scheduler::start_one() {
  for (auto job = waiting_.begin(); !stopping_ && job != waiting_.end(); ++job) {
    const Slots::Fit fit = slots_.fit({job->threads, job->cuda ? job->gpu_share : 0, job->alone});
    if (fit == Slots::Fit::machine_is_full) return false;
    if (fit == Slots::Fit::gpu_is_full) continue;
    Job next = std::move(*job);
    next.promoted = false;
    waiting_.erase(job);
    start(next);
    return true;
  }
  return false;
}

void Scheduler::start(const Job& job) {
  const Slot slot = slots_.take({job.threads, job.cuda ? job.gpu_share : 0, job.alone});
  Launch how{options_.worker, options_.runs, nullptr, "", options_.data_limit_bytes, ""};
  if (options_.pruner != nullptr) {
    how.watched = options_.pruner->rule().metric;
    how.watched_protocol = protocol_;
  }
  if (forks_ && !job.cuda) how.forks = &*forks_;
  if (slot.gpu >= 0) how.gpu = options_.gpus[static_cast<std::size_t>(slot.gpu)];
  try {
    running_.push_back({Attempt(job, store_, observer_, how, options_.oom), slot});
  } catch (const db::Error&) {
    throw;
  } catch (...) {
    // No folder, no worker, no process: the next one would fare no better.
    slots_.give_back(slot);
    fatal_ = std::current_exception();
    return stop_all("cannot start workers");
  }
  if (running_.size() > 1)
    for (Running& running : running_) running.had_company = true;
}

void Scheduler::wait_for_something() {
  std::vector<pollfd> watched{{interrupts_.fd(), POLLIN, 0}};
  for (Running& running : running_) {
    watched.push_back({running.attempt.process().exited_fd(), POLLIN, 0});
    watched.push_back({running.attempt.process().frames_fd(), POLLIN, 0});  // ignored by poll once it is -1
  }
  if (::poll(watched.data(), watched.size(), kTick_ms) <= 0) return;
  if (watched[0].revents != 0) on_interrupt();
  std::size_t at = 1;
  for (auto running = running_.begin(); running != running_.end(); at += 2) {
    const auto current = running++;  // reap removes it
    if (watched[at + 1].revents != 0) {
      current->attempt.read_frames(kBytesPerTurn);
      consider(*current);
    }
    if (watched[at].revents != 0) reap(current);
  }
}

void Scheduler::on_interrupt() {
  for (int i = interrupts_.take(); i > 0; --i) {
    summary_.interrupted = true;
    if (++interrupts_seen_ == 1) {
      stop_all("interrupted: " + std::to_string(running_.size()) +
               " running trial(s) stop at their next round and keep a checkpoint; once more to kill them");
    } else {
      for (Running& running : running_) running.attempt.kill();
    }
  }
}

void Scheduler::take_requests() {
  if (!mailbox_) return;
  const auto now = Clock::now();
  if (now - looked_for_requests_ < kLookForRequests) return;
  looked_for_requests_ = now;
  for (const Request& request : mailbox_->take()) cancel(request);
}

void Scheduler::cancel(const Request& request) {
  const std::set<std::int64_t> trials(request.trials.begin(), request.trials.end());
  int stopped = 0;
  for (Running& running : running_) {
    if (!trials.contains(running.attempt.job().trial)) continue;
    running.attempt.cancel(options_.grace);
    ++stopped;
  }
  const auto dropped =
      std::erase_if(waiting_, [&](const Job& job) { return trials.contains(job.trial); }) +
      std::erase_if(paused_, [&](const auto& paused) { return trials.contains(paused.first); });
  summary_.not_started += static_cast<int>(dropped);
  db::Event event;
  event.type = "cancel";
  event.message = std::to_string(stopped) + " running stopped, " + std::to_string(dropped) + " not started";
  event.data = Json{{"request", request.name}, {"stopped", stopped}, {"not_started", dropped}}.dump();
  store_.add_event(event);
  observer_.on_notice("cancelled from another terminal: " + event.message);
}

void Scheduler::stop_all(const std::string& why) {
  stopping_ = true;
  observer_.on_notice(why);
  for (Running& running : running_) running.attempt.cancel(options_.grace);
}

void Scheduler::check_deadlines() {
  const auto now = Clock::now();
  for (Running& running : running_) {
    Attempt& attempt = running.attempt;
    if (attempt.stopping()) {
      if (now >= *attempt.grace_end()) attempt.process().kill();
    } else if (options_.time_limit_s > 0 && now >= after(attempt.started(), options_.time_limit_s)) {
      // No more time for the end than the limit gave to the whole.
      const std::chrono::milliseconds own(static_cast<std::int64_t>(options_.time_limit_s * 1000));
      attempt.time_out(std::min(options_.grace, std::max(own, std::chrono::milliseconds(2000))),
                       options_.time_limit_s);
    }
  }
}

void Scheduler::reap(std::list<Running>::iterator running) {
  const db::AttemptEnd end = running->attempt.finish(options_.oom);
  consider(*running);  // its last values may be another trial's turn
  if (options_.pruner != nullptr && end.reason == db::Reason::ok && !running->attempt.saw_watched() &&
      comparable(running->attempt) && !std::exchange(said_unmeasured_, true))
    observer_.on_warning(running->attempt.job(),
                         "it measured no \"" + options_.pruner->rule().metric +
                             "\", so nothing can be pruned by that (prune.metric); what it "
                             "measured: saddle show " +
                             running->attempt.job().name);
  Job job = running->attempt.job();
  job.last_attempt = running->attempt.id();
  const Evidence& evidence = running->attempt.evidence();
  const bool paused = end.reason == db::Reason::paused && !evidence.cancelled;
  slots_.give_back(running->slot);
  if (paused && running->promoted) {
    job.promoted = true;
    waiting_.push_front(job);
  } else if (paused) {
    pause(job);
  } else if (retry(running->attempt, end, running->had_company)) {
    ++summary_.retried;
  } else {
    ++summary_.ended[end.reason];
  }
  running_.erase(running);
  count_failure(end, job.name);
}

void Scheduler::consider(Running& running) {
  const auto values = running.attempt.take_watched();
  if (options_.pruner == nullptr || !comparable(running.attempt)) return;
  for (const auto& [step, value] : values) consider(running, step, value);
}

// Numbers of two protocols are never compared: those of the first one that was seen
// are, and the others are left alone.
bool Scheduler::comparable(const Attempt& attempt) {
  if (attempt.saw_watched() && !protocol_) protocol_ = attempt.watched_protocol();
  const bool other =
      attempt.saw_watched() ? attempt.watched_protocol() != *protocol_ : attempt.saw_other_protocol();
  if (other && !std::exchange(said_incomparable_, true))
    observer_.on_warning(attempt.job(), "its " + options_.pruner->rule().metric +
                                            " is measured under another protocol than that of the trials "
                                            "before it: they are not compared, and it is not pruned");
  return !other;
}

void Scheduler::consider(Running& running, std::int64_t step, double value) {
  Attempt& attempt = running.attempt;
  const Job& job = attempt.job();
  const Verdict verdict = options_.pruner->on_value(job.trial, step, value);
  // One that has trained all its rounds ends by itself, one that was told to stop already will.
  if (verdict.what == Verdict::What::go_on || stopping_ || attempt.stopping() ||
      (job.rounds > 0 && step >= job.rounds))
    return;
  if (verdict.what == Verdict::What::prune) {
    record("prune", job, attempt.id(), verdict.why, verdict.grounds);
    return attempt.prune(options_.grace, verdict.why);
  }
  // Its slot is as good as free; whose turn is it? If its own, it need not stop.
  auto turn = next_promoted(job.trial);
  if (!turn && waiting_.empty() && running_.size() == 1) turn = give_last_chance(job.trial);
  if (turn == job.trial) return;
  record("pause", job, attempt.id(), verdict.why, verdict.grounds);
  attempt.pause(options_.grace, verdict.why);
}

// The next trial that the pruner wants to go on; `asking` is one that runs and is
// about to be paused.
std::optional<std::int64_t> Scheduler::next_promoted(std::int64_t asking) {
  while (const auto promotion = options_.pruner->promote())
    if (let_go_on(*promotion, asking)) return promotion->trial;
  return std::nullopt;
}

// It is put at the head of the queue, unless it still runs (it is the one that asks,
// or has yet to stop). False: it has ended, or is not of this run.
bool Scheduler::let_go_on(const Promotion& promotion, std::int64_t asking) {
  const std::int64_t trial = promotion.trial;
  if (const auto paused = paused_.find(trial); paused != paused_.end()) {
    Job& job = paused->second;
    record("promote", job, job.last_attempt, promotion.why, promotion.grounds);
    job.promoted = true;
    waiting_.push_front(job);
    paused_.erase(paused);
    return true;
  }
  const auto running = std::find_if(running_.begin(), running_.end(),
                                    [&](const Running& one) { return one.attempt.job().trial == trial; });
  if (running == running_.end() || (trial != asking && running->attempt.evidence().paused.empty()))
    return false;
  record("promote", running->attempt.job(), running->attempt.id(), promotion.why, promotion.grounds);
  running->promoted = trial != asking;
  return true;
}

// Nothing else runs or waits: without this the best trial of a small grid would end
// at a rung that too few have reached.
std::optional<std::int64_t> Scheduler::give_last_chance(std::int64_t asking) {
  if (options_.pruner == nullptr || !options_.all_that_is_left || options_.has_result ||
      summary_.count(db::Reason::ok) > 0)
    return std::nullopt;
  std::set<std::int64_t> held;
  for (const auto& [trial, job] : paused_) held.insert(trial);
  if (asking != 0) held.insert(asking);
  const auto promotion = options_.pruner->last_chance(held);
  if (!promotion || !let_go_on(*promotion, asking)) return std::nullopt;
  return promotion->trial;
}

// Algorithm 2 of the paper: whenever something may run, a promotion comes before a
// trial that is new.
void Scheduler::queue_promoted() {
  if (options_.pruner == nullptr || stopping_ || slots_.fit({}) != Slots::Fit::now) return;
  next_promoted(0);
}

void Scheduler::record(const char* type, const Job& job, std::int64_t attempt, const std::string& why,
                       const Grounds& grounds) {
  db::Event event;
  event.type = type;
  event.message = why;
  event.trial = job.trial;
  event.attempt = attempt;
  Json data = {{"metric", options_.pruner->rule().metric},
               {"step", grounds.step},
               {"value", grounds.value},
               {"threshold", grounds.threshold},
               {"compared", grounds.compared}};
  if (grounds.rung >= 0) data["rung"] = grounds.rung;
  event.data = data.dump();
  store_.add_event(event);
}

// One that does not run.
void Scheduler::end(const Job& job, const Verdict& verdict) {
  record("prune", job, job.last_attempt, verdict.why, verdict.grounds);
  store_.prune_stopped(job.trial, verdict.why);
  ++summary_.ended[db::Reason::pruned];
  observer_.on_pruned(job, verdict.why);
}

// Nothing runs and nothing waits any more, so no place will become free; unless this
// was not all, or some are yet to be gone on with.
void Scheduler::end_paused() {
  const bool over = !stopping_ && options_.all_that_is_left && summary_.not_started == 0 &&
                    summary_.count(db::Reason::cancelled) == 0;
  for (const auto& [trial, job] : paused_) {
    if (over)
      end(job, options_.pruner->why_over(trial));
    else
      ++summary_.ended[db::Reason::paused];
  }
}

void Scheduler::pause(const Job& job) {
  paused_.emplace(job.trial, job);
  observer_.on_paused(job);
}

// At the end of the queue: the others come first, and what disturbed it may be over.
bool Scheduler::retry(const Attempt& attempt, const db::AttemptEnd& end, bool had_company) {
  const Job& job = attempt.job();
  if (stopping_ || job.retries >= options_.retries || !worth_retrying(end, attempt.evidence(), had_company))
    return false;
  Job again = job;
  ++again.retries;
  again.last_attempt = attempt.id();
  again.from_scratch = false;  // what this attempt has saved counts
  if (end.reason == db::Reason::oom) again.alone = true;
  db::Event event;
  event.type = "retry";
  event.message = "retry " + std::to_string(again.retries) + " of " + std::to_string(options_.retries) +
                  " after: " + std::string(db::to_string(end.reason)) +
                  (again.alone ? "; nothing will run beside it" : "");
  event.trial = job.trial;
  store_.add_event(event);
  observer_.on_retry(again, options_.retries - again.retries);
  waiting_.push_back(std::move(again));
  return true;
}

void Scheduler::count_failure(const db::AttemptEnd& end, const std::string& trial) {
  if (options_.stop_after_failures <= 0 || stopping_) return;
  const bool first = attempts_ended_++ == 0;
  const std::string way = is_failure(end.reason) ? way_of_failing(end, trial) : "";
  if (first && !way.empty()) one_way_ = way;
  if (one_way_ && *one_way_ != way) one_way_.reset();
  if (!one_way_ || attempts_ended_ < options_.stop_after_failures) return;
  summary_.gave_up = true;
  stop_all("the first " + std::to_string(attempts_ended_) + " attempt(s) all failed in the same way (" +
           std::string(db::to_string(end.reason)) + "): stopping (limits.stop_after_failures)");
}

}  // namespace saddle::schedule
