// What a database holds, for comparing it with another one after a merge.
#pragma once
#include <algorithm>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "fixture.hpp"
#include "history.hpp"

namespace saddle::db::test {

namespace fs = std::filesystem;

inline std::string said(const Value& value) {
  std::ostringstream out;
  out.precision(17);
  std::visit(
      [&](const auto& v) {
        if constexpr (std::is_same_v<std::decay_t<decltype(v)>, std::monostate>)
          out << "null";
        else
          out << v;
      },
      value);
  return out.str();
}

// One line a row, sorted.
inline std::vector<std::string> lines(const fs::path& path, const std::string& sql) {
  Reader reader(path);
  std::vector<std::string> found;
  for (const auto& row : reader.query(sql).rows) {
    std::string line;
    for (const Value& value : row) line += said(value) + " | ";
    found.push_back(line);
  }
  std::sort(found.begin(), found.end());
  return found;
}

inline std::vector<std::string> tables(const fs::path& path) {
  Reader reader(path);
  std::vector<std::string> names;
  for (const auto& row :
       reader
           .query("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
                  " ORDER BY name")
           .rows)
    names.push_back(std::get<std::string>(row[0]));
  return names;
}

// Every table with all its columns.
inline std::map<std::string, std::vector<std::string>> everything(const fs::path& path) {
  std::map<std::string, std::vector<std::string>> all;
  for (const std::string& table : tables(path)) all[table] = lines(path, "SELECT * FROM " + table);
  return all;
}

// Every table, without the columns that only number rows.
inline std::map<std::string, std::vector<std::string>> contents(const fs::path& path) {
  std::map<std::string, std::vector<std::string>> all;
  for (const std::string& table : tables(path)) {
    Reader reader(path);
    std::string columns;
    for (const auto& row : reader.query("PRAGMA table_info(" + table + ")").rows) {
      const auto name = std::get<std::string>(row[1]);
      const bool number =
          name == "id" || (name.size() > 3 && name.substr(name.size() - 3) == "_id" && name != "boot_id");
      if (!number) columns += (columns.empty() ? "" : ", ") + name;
    }
    const std::string where = table == "event" ? " WHERE type <> 'merge'" : "";
    all[table] = lines(path, "SELECT " + (columns.empty() ? "count(*)" : columns) + " FROM " + table + where);
  }
  return all;
}

// What the views say, by names instead of numbers.
inline std::map<std::string, std::vector<std::string>> seen(const fs::path& path,
                                                            const std::string& of = "") {
  const std::string trials = of.empty() ? "" : " WHERE trial IN (SELECT trial FROM trials WHERE " + of + ")";
  const std::string name = "(SELECT trial_hash FROM trials t WHERE t.trial = v.trial), ";
  std::map<std::string, std::vector<std::string>> all;
  const auto add = [&](const std::string& view, const std::string& columns) {
    all[view] = lines(path, "SELECT " + name + columns + " FROM " + view + " v" + trials);
  };
  add("trials",
      "experiment, name, config_hash, seed, state, reason, message, attempts, last_step, started, ended, "
      "host,"
      " threads, device, libtorch, isa, exit_code, signal, pid, folder, git_commit, git_dirty, ordinal, "
      "config");
  add("attempts",
      "attempt, reason, message, start_step, last_step, started, ended, host, pid, threads, device, libtorch,"
      " isa, exit_code, signal, folder, step, steps, steps_per_second, first_step_ms, told");
  add("params", "path, value, type");
  add("metrics", "metric, step, value, kind, protocol, attempt");
  add("finals", "metric, protocol, last, kind, last_step, min, argmin, max, argmax, n, n_nan");
  add("artifacts", "kind, step, path, sha256, bytes, media_type, attempt, created");
  add("plugins_used", "attempt, component, version, file, sha256");
  add("experiment_trials", "experiment, ordinal");
  if (of.empty()) {
    all["experiments"] =
        lines(path,
              "SELECT experiment, trials, done, failed, created, used, file, git_commit, git_dirty,"
              " spec_sha256, spec FROM experiments");
    all["events"] = lines(path,
                          "SELECT time, type, message, experiment, trial_name, attempt FROM events"
                          " WHERE type <> 'merge'");
  }
  return all;
}

// A database with something in every column of every table.
inline void write_full(const fs::path& path) {
  write_history(path);
  Store store(path);
  const auto trials = store.trials(store.find_experiment("losses")->id);
  store.add_event({.type = "cancel", .message = "about nothing in particular"});
  store.add_event({.type = "retry", .message = "of a trial", .data = R"({"a": 1})", .trial = trials[1].id});
  store.add_event(
      {.type = "run", .message = "", .data = R"({"experiment_id":1,"rules":{}})", .experiment = 1});
  // Cut off in the middle: it still runs as far as this file knows.
  const Attempt attempt = store.begin_attempt(trials[4].id, {.threads = 2, .folder = "runs/5"});
  store.append_metrics(attempt.id, {{store.metric_key("generator/total"), 7, 0.1}});
  store.report_progress(attempt.id, {.step = 7, .steps = 100, .steps_per_second = 3.5, .first_step_ms = 40});
  store.finish_attempt(
      attempt.id,
      {.reason = Reason::timeout, .exit_code = 1, .signal = 15, .message = "slow", .last_step = 7});
  store.close();
}

// Two trials, one experiment; what `work` does with them.
template <class Work>
fs::path made(const Folder& folder, const std::string& name, Work work) {
  const fs::path path = folder / name;
  Store store(path);
  const std::int64_t id = experiment(store);
  store.freeze_plan(id, {planned(1, "aaaa", 1), planned(2, "bbbb", 1)});
  const auto trials = store.trials(id);
  work(store, trials);
  store.close();
  // Two attempts within a millisecond on one machine would be taken for one.
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  return path;
}

// An attempt with rows of one key from `from` (exclusive) to `to`.
inline void attempt(Store& store, std::int64_t trial, std::int64_t from, std::int64_t to, double value,
                    Reason reason) {
  const Attempt row = store.begin_attempt(trial, {.start_step = from});
  store.attempt_started(row.id, {.resumed_from_step = from});
  for (std::int64_t step = std::max<std::int64_t>(from, 0) + 10; step <= to; step += 10)
    store.append_metrics(row.id, {{store.metric_key("loss"), step, value + static_cast<double>(step)}});
  store.finish_attempt(row.id, {.reason = reason, .last_step = to});
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
}

}  // namespace saddle::db::test
