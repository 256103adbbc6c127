#include "fixture.hpp"

#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>
#include <thread>

#include <common/sha256.hpp>

using namespace saddle;
using namespace saddle::schedule;
namespace fs = std::filesystem;

Bench::Bench() {
  std::string name = (fs::temp_directory_path() / "saddle-schedule-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  folder = name;
  database = folder / "test.db";
  runs = folder / "test.runs" / "e";
  options.worker = FAKE_WORKER;
  options.runs = runs;
  options.jobs = 2;
}

Bench::~Bench() {
  store_.reset();
  std::error_code ignored;
  fs::remove_all(folder, ignored);
}

db::Store& Bench::store() {
  if (!store_) store_ = std::make_unique<db::Store>(database);
  return *store_;
}

std::int64_t Bench::plan(const std::vector<Json>& fakes) {
  const std::int64_t experiment = store().add_experiment({"e", "{}", sha256("{}"), "e.json", "", false});
  std::vector<db::PlannedTrial> trials;
  for (const Json& fake : fakes) {
    db::PlannedTrial trial;
    trial.ordinal = static_cast<std::int64_t>(trials.size()) + 1;
    trial.name = "t" + std::to_string(trial.ordinal);
    trial.config_json = Json{{"fake", fake}, {"n", trial.ordinal}}.dump();
    trial.config_hash = sha256(trial.config_json);
    trial.trial_hash = sha256(trial.config_hash + "0");
    trials.push_back(trial);
  }
  store().freeze_plan(experiment, trials);
  return experiment;
}

std::vector<Job> Bench::jobs(std::int64_t experiment) {
  std::vector<Job> jobs;
  for (const db::TrialInfo& trial : store().trials_to_run(experiment)) {
    Job job;
    job.trial = trial.id;
    job.name = trial.name;
    job.experiment = "e";
    job.seed = trial.seed;
    job.last_attempt = trial.last_attempt;
    job.config = Json::parse(trial.config_json);
    job.plugins = Json::object();
    job.threads = job.train_threads = job.config["fake"].value("threads", 1);
    job.rounds = job.config["fake"].value("rounds", 5);
    job.cuda = cuda;
    jobs.push_back(job);
  }
  return jobs;
}

std::vector<db::TrialInfo> Bench::run(std::int64_t experiment) {
  // Before the store: its writer must not be the thread that a signal is given to.
  store_.reset();
  Interrupts interrupts;
  Observer silent;
  Scheduler scheduler(store(), observer != nullptr ? *observer : silent, interrupts, options);
  summary = scheduler.run(jobs(experiment));
  auto trials = store().trials(experiment);
  store_.reset();
  return trials;
}

std::string Bench::sql(const std::string& query) {
  sqlite3* connection = nullptr;
  REQUIRE(sqlite3_open_v2(database.c_str(), &connection, SQLITE_OPEN_READWRITE, nullptr) == SQLITE_OK);
  sqlite3_busy_timeout(connection, 10000);  // a run that has just been started may be making its tables
  sqlite3_stmt* statement = nullptr;
  INFO(query << ": " << sqlite3_errmsg(connection));
  REQUIRE(sqlite3_prepare_v2(connection, query.c_str(), -1, &statement, nullptr) == SQLITE_OK);
  std::string value = "no row";
  if (sqlite3_step(statement) == SQLITE_ROW) {
    const auto* text = sqlite3_column_text(statement, 0);
    value = text != nullptr ? reinterpret_cast<const char*>(text) : "null";
  }
  sqlite3_finalize(statement);
  sqlite3_close(connection);
  return value;
}

void Recorder::on_start(const Job& job, std::int64_t, std::int64_t start_step) {
  started.push_back(job.name);
  start_steps.push_back(start_step);
  most_running = std::max(most_running, ++running);
  running_at_start.push_back(running);
}

void Recorder::on_progress(const Job&, const ProgressReport&) {
  if (when_running) std::exchange(when_running, nullptr)();
}

void Recorder::on_end(const Job& job, const db::AttemptEnd&, double, const fs::path&) {
  ended.push_back(job.name);
  --running;
}

void Recorder::on_tick() {
  if (tick && tick()) tick = nullptr;
}

bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

std::string text_of(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}
