#include <schedule/scheduler.hpp>

#include <poll.h>

#include <algorithm>
#include <set>

namespace saddle::schedule {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kTick_ms = 100;
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
    : store_(store), observer_(observer), interrupts_(interrupts), options_(std::move(options)) {}

Summary Scheduler::run(const std::vector<Job>& jobs) {
  waiting_.assign(jobs.begin(), jobs.end());
  prepare_forks();
  while (true) {
    start_what_fits();
    if (running_.empty() && (waiting_.empty() || stopping_)) break;
    wait_for_something();
    check_deadlines();
    observer_.on_tick();
  }
  summary_.not_started = static_cast<int>(waiting_.size());
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
    for (const auto& [component, file] : job.plugins.items()) plugins.insert(file.get<std::string>());
  }
  if (options_.cold || forked < 2) return;
  forks_.emplace(
      options_.worker, std::vector(plugins.begin(), plugins.end()),
      [this](const std::string& text) { observer_.on_notice(text); }, options_.patience);
}

bool Scheduler::fits(const Job& job) const {
  if (running_.empty()) return true;
  if (options_.jobs > 0) return static_cast<int>(running_.size()) < options_.jobs;
  int threads = job.threads;
  for (const Attempt& attempt : running_) threads += attempt.job().threads;
  return threads <= cores_;
}

void Scheduler::start_what_fits() {
  while (!stopping_ && !waiting_.empty() && fits(waiting_.front())) {
    const Job job = std::move(waiting_.front());
    waiting_.pop_front();
    try {
      ForkServer* forks = forks_ && !job.cuda ? &*forks_ : nullptr;
      running_.emplace_back(job, store_, observer_, options_.worker, forks, options_.runs, options_.oom);
    } catch (const db::Error&) {
      throw;
    } catch (...) {
      // No folder, no worker, no process: the next one would fare no better.
      fatal_ = std::current_exception();
      stop_all("cannot start workers");
    }
  }
}

void Scheduler::wait_for_something() {
  std::vector<pollfd> watched{{interrupts_.fd(), POLLIN, 0}};
  for (Attempt& attempt : running_) {
    watched.push_back({attempt.process().exited_fd(), POLLIN, 0});
    watched.push_back({attempt.process().frames_fd(), POLLIN, 0});  // ignored by poll once it is -1
  }
  if (::poll(watched.data(), watched.size(), kTick_ms) <= 0) return;
  if (watched[0].revents != 0) on_interrupt();
  std::size_t at = 1;
  for (auto attempt = running_.begin(); attempt != running_.end(); at += 2) {
    const auto current = attempt++;  // reap removes it
    if (watched[at + 1].revents != 0) current->read_frames(kBytesPerTurn);
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
      for (Attempt& attempt : running_) attempt.kill();
    }
  }
}

void Scheduler::stop_all(const std::string& why) {
  stopping_ = true;
  observer_.on_notice(why);
  for (Attempt& attempt : running_) attempt.cancel(options_.grace);
}

void Scheduler::check_deadlines() {
  const auto now = Clock::now();
  for (Attempt& attempt : running_) {
    if (attempt.stopping()) {
      if (now >= *attempt.grace_end()) attempt.process().kill();
    } else if (options_.time_limit_s > 0 && now >= after(attempt.started(), options_.time_limit_s)) {
      attempt.time_out(options_.grace, options_.time_limit_s);
    }
  }
}

void Scheduler::reap(std::list<Attempt>::iterator attempt) {
  const db::AttemptEnd end = attempt->finish(options_.oom);
  running_.erase(attempt);
  ++summary_.ended[end.reason];

  int all = 0;
  for (const auto& [reason, n] : summary_.ended) all += n;
  if (options_.stop_after_failures > 0 && !stopping_ && summary_.failed() == all &&
      all == options_.stop_after_failures) {
    summary_.gave_up = true;
    stop_all("the first " + std::to_string(all) +
             " trial(s) all failed: stopping (limits.stop_after_failures)");
  }
}

}  // namespace saddle::schedule
