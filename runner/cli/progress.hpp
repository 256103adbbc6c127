#pragma once
#include <chrono>
#include <cstdint>
#include <list>
#include <set>
#include <optional>
#include <string>

#include <schedule/observer.hpp>

namespace saddle::cli {

// Seconds until all trials are done, from what has been seen so far; none while
// nothing has been.
struct Outlook {
  double trial_s = 0;          // mean time of the trials that ran to their end
  int ended = 0;               // how many of them
  int waiting = 0;             // trials not started
  int slots = 1;               // run side by side
  double running_left_s = 0;   // time left of the running ones, summed
  double running_whole_s = 0;  // time each of them takes in all, summed
  int running = 0;             // those with a known rate
};
std::optional<double> time_left_s(const Outlook& outlook);

// "0.4 s", "17 s", "3m12s", "2h05m"
std::string duration_text(double seconds);

// Shows a run while it goes on. On a terminal one block is drawn again and
// again below the lines about what went wrong; elsewhere each event is a plain
// line, and a running trial gets one every ten seconds at most.
class Progress : public schedule::Observer {
 public:
  // `total` trials in the plan, `done` and `pruned` of them before this run.
  Progress(std::string experiment, int total, int done, int pruned);
  ~Progress() override;

  void on_start(const schedule::Job& job, std::int64_t attempt, std::int64_t start_step) override;
  void on_progress(const schedule::Job& job, const ProgressReport& report) override;
  void on_activity(const schedule::Job& job, const std::string& what, std::int64_t done,
                   std::int64_t total) override;
  void on_warning(const schedule::Job& job, const std::string& text) override;
  void on_end(const schedule::Job& job, const db::AttemptEnd& end, double seconds,
              const std::filesystem::path& folder) override;
  void on_retry(const schedule::Job& job, int left) override;
  void on_paused(const schedule::Job& job) override;
  void on_pruned(const schedule::Job& job, const std::string& why) override;
  void on_notice(const std::string& text) override;
  void on_tick() override;

  // Removes the block: what is printed afterwards stands on clean ground.
  void close();

 private:
  using Clock = std::chrono::steady_clock;
  struct Running {
    std::int64_t trial = 0;
    std::string name;
    Clock::time_point started;
    std::int64_t start_step = 0;
    ProgressReport report;
    Clock::time_point last_line;
    std::string activity;  // of a component, since the last round
  };

  Running* find(std::int64_t trial);
  void line(const std::string& text);  // one that stays
  void draw();
  void erase();
  Outlook outlook() const;
  std::string tally() const;
  std::string running_line(const Running& trial, std::size_t name_width) const;

  std::string experiment_;
  int total_, done_, pruned_, failed_ = 0, diverged_ = 0, slots_ = 1;
  std::set<std::int64_t> paused_;
  int timed_ = 0;
  double timed_s_ = 0;
  bool terminal_, color_;
  int drawn_lines_ = 0;
  Clock::time_point started_ = Clock::now();
  Clock::time_point last_draw_{};
  std::list<Running> running_;
};

}  // namespace saddle::cli
