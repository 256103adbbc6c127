#include <cli/progress.hpp>

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include <cli/table.hpp>

namespace saddle::cli {
namespace {

constexpr auto kRedraw = std::chrono::milliseconds(200);
constexpr auto kPlainLine = std::chrono::seconds(10);

template <typename... Args>
std::string format(const char* pattern, Args... args) {
  char text[512];
  std::snprintf(text, sizeof(text), pattern, args...);
  return text;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::string bar(double share, int width) {
  const int full = std::clamp(static_cast<int>(share * width), 0, width);
  return std::string(static_cast<std::size_t>(full), '#') +
         std::string(static_cast<std::size_t>(width - full), '.');
}

// Of a message of several lines the first and the last: what happened, and what
// the worker printed about it.
std::string one_line(const std::string& text) {
  const std::size_t first = text.find('\n');
  if (first == std::string::npos) return text;
  return text.substr(0, first) + " " + text.substr(text.rfind('\n') + 1);
}

}  // namespace

std::string duration_text(double seconds) {
  if (seconds < 9.95) return format("%.1f s", std::max(0.0, seconds));
  const long s = std::lround(seconds);
  if (s < 60) return format("%ld s", s);
  if (s < 3600) return format("%ldm%02lds", s / 60, s % 60);
  return format("%ldh%02ldm", s / 3600, s % 3600 / 60);
}

std::optional<double> time_left_s(const Outlook& o) {
  if (o.ended == 0 && o.running == 0) return std::nullopt;
  const double whole = o.ended > 0 ? o.trial_s : o.running_whole_s / o.running;
  return (o.running_left_s + o.waiting * whole) / std::max(1, o.slots);
}

Progress::Progress(std::string experiment, int total, int done, int pruned)
    : experiment_(std::move(experiment)),
      total_(total),
      done_(done),
      pruned_(pruned),
      terminal_(::isatty(STDOUT_FILENO) == 1 && std::getenv("TERM") != nullptr &&
                std::string(std::getenv("TERM")) != "dumb"),
      color_(terminal_ && std::getenv("NO_COLOR") == nullptr) {}

Progress::~Progress() { close(); }

void Progress::close() {
  erase();
  std::cout.flush();
}

Progress::Running* Progress::find(std::int64_t trial) {
  for (Running& running : running_)
    if (running.trial == trial) return &running;
  return nullptr;
}

void Progress::on_start(const schedule::Job& job, std::int64_t attempt, std::int64_t start_step) {
  paused_.erase(job.trial);
  running_.push_back(
      {job.trial, job.name, Clock::now(), std::max<std::int64_t>(0, start_step), {}, Clock::now()});
  slots_ = std::max(slots_, static_cast<int>(running_.size()));
  if (terminal_) return;
  std::string text = "start " + job.name;
  if (attempt > 1) text += ", attempt " + std::to_string(attempt);
  if (start_step >= 0) text += ", goes on from step " + std::to_string(start_step);
  line(text);
}

void Progress::on_progress(const schedule::Job& job, const ProgressReport& report) {
  Running* running = find(job.trial);
  if (running == nullptr) return;
  running->report = report;
  running->activity.clear();
  if (terminal_ || Clock::now() - running->last_line < kPlainLine) return;
  running->last_line = Clock::now();
  line(format("step  %s: %lld of %lld, %.1f rounds/s", job.name.c_str(), static_cast<long long>(report.step),
              static_cast<long long>(report.total), report.rounds_per_second));
}

void Progress::on_activity(const schedule::Job& job, const std::string& what, std::int64_t done,
                           std::int64_t total) {
  Running* running = find(job.trial);
  if (running == nullptr) return;
  running->activity = one_line(what) + " " + std::to_string(done);
  if (total > 0) running->activity += " of " + std::to_string(total);
  if (terminal_ || Clock::now() - running->last_line < kPlainLine) return;
  running->last_line = Clock::now();
  line("step  " + job.name + ": " + running->activity);
}

void Progress::on_warning(const schedule::Job& job, const std::string& text) {
  line("warn  " + job.name + ": " + one_line(text));
}

void Progress::on_end(const schedule::Job& job, const db::AttemptEnd& end, double seconds,
                      const std::filesystem::path& folder) {
  running_.remove_if([&](const Running& running) { return running.trial == job.trial; });
  const db::TrialState state = db::state_after(end.reason);
  if (state == db::TrialState::done) ++done_;
  if (state == db::TrialState::pruned) ++pruned_;
  if (state == db::TrialState::done || state == db::TrialState::pruned) {
    ++timed_;
    timed_s_ += seconds;
  }
  const bool failed = state == db::TrialState::failed;
  if (failed) ++failed_;
  if (end.reason == db::Reason::diverged) ++diverged_;
  // The block counts it.
  if (terminal_ && (end.reason == db::Reason::ok || end.reason == db::Reason::paused)) return;

  const std::string reason(db::to_string(end.reason));
  std::string text = (color_ && failed ? "\033[31m" + reason + "\033[0m" : reason) + "  " + job.name +
                     " after " + duration_text(seconds);
  if (!end.message.empty()) text += ": " + one_line(end.message);
  if (failed) text += " [" + (folder / "output.log").string() + "]";
  if (!terminal_) text += " (" + tally() + ")";
  line(text);
}

// It was counted as failed, and is to run again.
void Progress::on_retry(const schedule::Job& job, int left) {
  --failed_;
  line("retry " + job.name + ": in the queue again" +
       (left > 0 ? ", " + std::to_string(left) + " more left" : ""));
}

void Progress::on_paused(const schedule::Job& job) { paused_.insert(job.trial); }

void Progress::on_pruned(const schedule::Job& job, const std::string& why) {
  paused_.erase(job.trial);
  ++pruned_;
  line("pruned  " + job.name + ": " + why);
}

void Progress::on_notice(const std::string& text) { line(text); }

void Progress::on_tick() {
  if (!terminal_ || Clock::now() - last_draw_ < kRedraw) return;
  draw();
}

void Progress::line(const std::string& text) {
  erase();
  std::cout << text << '\n' << std::flush;
}

Outlook Progress::outlook() const {
  Outlook outlook;
  outlook.trial_s = timed_ > 0 ? timed_s_ / timed_ : 0;
  outlook.ended = timed_;
  outlook.waiting =
      std::max(0, total_ - done_ - pruned_ - failed_ - static_cast<int>(running_.size() + paused_.size()));
  outlook.slots = slots_;
  for (const Running& running : running_) {
    const ProgressReport& r = running.report;
    if (r.rounds_per_second <= 0) continue;
    ++outlook.running;
    outlook.running_left_s += static_cast<double>(r.total - r.step) / r.rounds_per_second;
    outlook.running_whole_s += static_cast<double>(r.total) / r.rounds_per_second;
  }
  return outlook;
}

// "5 of 12 done, 2 running, 1 failed, 3 pruned, 1m02s, about 3m10s left"
std::string Progress::tally() const {
  std::string text = format("%d of %d done, %zu running, %d failed", done_, total_, running_.size(), failed_);
  if (pruned_ > 0) text += format(", %d pruned", pruned_);
  if (!paused_.empty()) text += format(", %zu paused", paused_.size());
  if (diverged_ > 0) text += format(", %d diverged", diverged_);
  text += ", " + duration_text(seconds_since(started_));
  const auto left = time_left_s(outlook());
  if (left && *left >= 0.5 && done_ + pruned_ + failed_ < total_)
    text += ", about " + duration_text(*left) + " left";
  return text;
}

std::string Progress::running_line(const Running& trial, std::size_t name_width) const {
  const ProgressReport& r = trial.report;
  const std::string name = trial.name + std::string(name_width - trial.name.size(), ' ');
  if (!trial.activity.empty()) return "  " + name + "  " + trial.activity;
  if (r.total <= 0) return "  " + name + "  starting";
  const double share = static_cast<double>(r.step) / static_cast<double>(r.total);
  return format("  %s  [%s] %lld/%lld  %.1f/s", name.c_str(), bar(share, 20).c_str(),
                static_cast<long long>(r.step), static_cast<long long>(r.total), r.rounds_per_second);
}

void Progress::draw() {
  last_draw_ = Clock::now();
  const std::size_t told = terminal_columns();
  const std::size_t columns = told > 0 ? told : 80;
  std::size_t name_width = 0;
  for (const Running& running : running_) name_width = std::max(name_width, running.name.size());
  std::vector<std::string> lines{experiment_ + ": " + tally()};
  for (const Running& running : running_) lines.push_back(running_line(running, name_width));
  erase();
  // A line that wraps would break the count of lines to go back.
  for (const std::string& text : lines) std::cout << text.substr(0, columns - 1) << '\n';
  std::cout.flush();
  drawn_lines_ = static_cast<int>(lines.size());
}

void Progress::erase() {
  if (drawn_lines_ > 0) std::cout << "\033[" << drawn_lines_ << "A\033[J";
  drawn_lines_ = 0;
}

}  // namespace saddle::cli
