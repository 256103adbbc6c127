#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <db/store.hpp>
#include <schedule/scheduler.hpp>

// A database of its own and trials that a fake worker runs.
class Bench {
 public:
  Bench();
  ~Bench();

  // One trial per config; named t1, t2, ...
  std::int64_t plan(const std::vector<saddle::Json>& fakes);

  saddle::db::Store& store();
  void close() { store_.reset(); }  // as at the end of a run; store() opens it again

  // Jobs of all trials that are not done.
  std::vector<saddle::schedule::Job> jobs(std::int64_t experiment);
  // Runs them all and gives what the store says afterwards, in the order of the plan.
  std::vector<saddle::db::TrialInfo> run(std::int64_t experiment);

  // The single value of a query on the closed or committed database.
  std::string sql(const std::string& query);

  std::filesystem::path folder, database, runs;
  saddle::schedule::Options options;
  saddle::schedule::Observer* observer = nullptr;
  saddle::schedule::Summary summary;
  bool cuda = false;  // what the jobs say of themselves

 private:
  std::unique_ptr<saddle::db::Store> store_;
};

// Counts what it is told; and may do something at the first sign of progress.
struct Recorder : saddle::schedule::Observer {
  void on_start(const saddle::schedule::Job& job, std::int64_t attempt, std::int64_t start_step) override;
  void on_progress(const saddle::schedule::Job& job, const saddle::ProgressReport& report) override;
  void on_warning(const saddle::schedule::Job&, const std::string& text) override {
    warnings.push_back(text);
  }
  void on_activity(const saddle::schedule::Job&, const std::string& what, std::int64_t done,
                   std::int64_t total) override {
    activities.push_back(what + " " + std::to_string(done) + "/" + std::to_string(total));
  }
  void on_end(const saddle::schedule::Job& job, const saddle::db::AttemptEnd& end, double,
              const std::filesystem::path&) override;
  void on_retry(const saddle::schedule::Job& job, int) override { retries.push_back(job.name); }
  void on_notice(const std::string& text) override { notices.push_back(text); }
  void on_tick() override;

  std::vector<std::string> started, ended, warnings, notices, activities, retries;
  std::vector<std::size_t> running_at_start;
  std::vector<std::int64_t> start_steps;
  std::size_t running = 0, most_running = 0;
  std::function<void()> when_running;  // once, at the first progress
  std::function<bool()> tick;          // until it says true
};

// Waits up to 20 s for something that must come true.
bool eventually(const std::function<bool()>& condition);

std::string text_of(const std::filesystem::path& file);
