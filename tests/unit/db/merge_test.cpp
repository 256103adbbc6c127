#include <sqlite3.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <thread>

#include "db/snapshot.hpp"
#include "fixture.hpp"
#include "history.hpp"

using namespace saddle::db;
using namespace saddle::db::test;

namespace {

namespace fs = std::filesystem;

std::string said(const Value& value) {
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
std::vector<std::string> lines(const fs::path& path, const std::string& sql) {
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

std::vector<std::string> tables(const fs::path& path) {
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
std::map<std::string, std::vector<std::string>> everything(const fs::path& path) {
  std::map<std::string, std::vector<std::string>> all;
  for (const std::string& table : tables(path)) all[table] = lines(path, "SELECT * FROM " + table);
  return all;
}

// Every table, without the columns that only number rows.
std::map<std::string, std::vector<std::string>> contents(const fs::path& path) {
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
std::map<std::string, std::vector<std::string>> seen(const fs::path& path, const std::string& of = "") {
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
void write_full(const fs::path& path) {
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
void attempt(Store& store, std::int64_t trial, std::int64_t from, std::int64_t to, double value,
             Reason reason) {
  const Attempt row = store.begin_attempt(trial, {.start_step = from});
  store.attempt_started(row.id, {.resumed_from_step = from});
  for (std::int64_t step = std::max<std::int64_t>(from, 0) + 10; step <= to; step += 10)
    store.append_metrics(row.id, {{store.metric_key("loss"), step, value + static_cast<double>(step)}});
  store.finish_attempt(row.id, {.reason = reason, .last_step = to});
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
}

}  // namespace

TEST_CASE("a merge into an empty database brings everything along") {
  const Folder folder;
  write_full(folder / "shard.db");
  for (const std::string& table : tables(folder / "shard.db")) {
    INFO(table << " is empty: this test would not see whether it is merged");
    CHECK_FALSE(lines(folder / "shard.db", "SELECT * FROM " + table).empty());
  }
  MergeCounts counts;
  {
    Store store(folder / "main.db");
    counts = store.merge(folder / "shard.db");
    store.close();
  }
  CHECK(counts.trials == 5);
  CHECK(counts.results == 3);
  CHECK(counts.attempts == 6);
  CHECK(counts.artifacts == 2);
  for (const auto& [table, rows] : contents(folder / "shard.db")) {
    INFO(table);
    CHECK(contents(folder / "main.db")[table] == rows);
  }
  for (const auto& [view, rows] : seen(folder / "shard.db")) {
    INFO(view);
    CHECK(seen(folder / "main.db")[view] == rows);
  }
  Reader reader(folder / "main.db");
  CHECK(std::get<std::string>(reader.query("PRAGMA integrity_check").rows[0][0]) == "ok");
  CHECK(reader.query("PRAGMA foreign_key_check").rows.empty());
}

TEST_CASE("a merge into a database that numbers everything otherwise says the same by name") {
  const Folder folder;
  write_full(folder / "shard.db");
  {
    Store store(folder / "main.db");
    // The same metric, plugin and experiment names under other numbers, and a trial that the shard has too.
    const std::int64_t other = experiment(store, "other");
    store.freeze_plan(other, {planned(1, "zzzz", 1), planned(2, "zzzz", 2)});
    attempt(store, store.trials(other)[0].id, -1, 50, 1, Reason::ok);
    const Attempt row = store.begin_attempt(store.trials(other)[1].id);
    store.attempt_started(row.id, {.plugins = {{"model", "mlp", "2", "model_mlp.so", "2222"}}});
    store.append_metrics(row.id, {{store.metric_key("frechet", R"({"features":"pixels"})"), 3, 4}});
    store.finish_attempt(row.id, {});
    const auto before = seen(folder / "main.db", "config_hash = 'zzzz'");
    store.merge(folder / "shard.db");
    CHECK(seen(folder / "main.db", "config_hash = 'zzzz'") == before);
    // What new attempts do afterwards goes on as ever.
    const auto trials = store.trials(store.find_experiment("losses")->id);
    CHECK(trials.size() == 5);
    CHECK(store.begin_attempt(trials[3].id).number == 2);
    store.close();
  }
  const std::string of = "config_hash <> 'zzzz' AND name <> '0004-ns-s2'";
  CHECK(seen(folder / "main.db", of) == seen(folder / "shard.db", of));
  Reader reader(folder / "main.db");
  CHECK(reader.query("PRAGMA foreign_key_check").rows.empty());
  // The rules of a run are found by the number that its experiment has here.
  CHECK(count(reader,
              "SELECT e.experiment_id = v.data ->> '$.experiment_id' FROM events v JOIN experiments e USING"
              " (experiment) WHERE v.type = 'run'") == 1);
}

TEST_CASE("what is merged twice changes nothing") {
  const Folder folder;
  write_full(folder / "shard.db");
  Store store(folder / "main.db");
  store.merge(folder / "shard.db");
  const auto before = everything(folder / "main.db");
  const MergeCounts counts = store.merge(folder / "shard.db");
  CHECK(counts.trials + counts.results + counts.attempts + counts.metrics + counts.artifacts == 0);
  CHECK(counts.duplicates == 0);
  CHECK(everything(folder / "main.db") == before);
}

TEST_CASE("of two shards a result beats a failure, and the first result another") {
  const Folder folder;
  const auto failed = made(folder, "failed.db", [](Store& store, const auto& trials) {
    attempt(store, trials[0].id, -1, 30, 1, Reason::error);
  });
  const auto first = made(folder, "first.db", [](Store& store, const auto& trials) {
    attempt(store, trials[0].id, -1, 100, 2, Reason::ok);
  });
  const auto second = made(folder, "second.db", [](Store& store, const auto& trials) {
    attempt(store, trials[0].id, -1, 100, 3, Reason::ok);
  });
  std::vector<fs::path> order{failed, first, second};
  std::sort(order.begin(), order.end());
  do {
    const fs::path main = folder / ("main" + order[0].stem().string() + order[1].stem().string() + ".db");
    Store store(main);
    MergeCounts sum;
    for (const fs::path& file : order) {
      const MergeCounts counts = store.merge(file);
      sum.results += counts.results;
      sum.duplicates += counts.duplicates;
    }
    CHECK(sum.results == 1);
    CHECK(sum.duplicates == 1);
    const TrialInfo trial = store.trials(1)[0];
    CHECK(trial.state == TrialState::done);
    CHECK(trial.last_step == 100);
    const bool first_came_first =
        std::find(order.begin(), order.end(), first) < std::find(order.begin(), order.end(), second);
    Reader reader(main);
    CHECK(count(reader, "SELECT count(*) FROM metrics WHERE trial = 1") == 10);
    CHECK(count(reader, "SELECT CAST(last AS INTEGER) FROM finals WHERE trial = 1") ==
          (first_came_first ? 102 : 103));
    CHECK(store.trials_to_run(1).size() == 1);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("a later copy of a shard replaces what the earlier one did not know to its end") {
  const Folder folder;
  const fs::path shard = folder / "shard.db", early = folder / "early.db";
  Store writer(shard);
  const std::int64_t id = experiment(writer);
  writer.freeze_plan(id, {planned(1, "aaaa", 1), planned(2, "bbbb", 1)});
  const std::int64_t trial = writer.trials(id)[0].id;
  const Attempt running = writer.begin_attempt(trial);
  const std::int64_t key = writer.metric_key("loss");
  writer.append_metrics(running.id, {{key, 10, 1}, {key, 20, 2}});
  writer.add_artifact(running.id, {"checkpoint", "checkpoint", 20, "checkpoint.safetensors", "old", 1, ""});
  writer.add_event({.type = "started", .message = "", .trial = trial, .attempt = running.id});
  writer.flush();
  snapshot(shard, early);

  Store store(folder / "main.db");
  CHECK(store.merge(early).attempts == 1);
  CHECK(store.trials(1)[0].state == TrialState::stopped);
  CHECK(store.trials(1)[0].reason == Reason::lost);
  CHECK(store.trials(1)[0].last_step == 20);
  CHECK(store.checkpoints(1).size() == 1);
  CHECK(store.merge(early).attempts == 0);

  // It still runs, and is further: should it be killed now, this is all there will ever be.
  const fs::path later = folder / "later.db";
  writer.append_metrics(running.id, {{key, 25, 2}});
  writer.add_artifact(running.id, {"checkpoint", "checkpoint", 25, "checkpoint.safetensors", "newer", 1, ""});
  writer.flush();
  snapshot(shard, later);
  CHECK(store.merge(later).attempts == 1);
  CHECK(store.merge(later).attempts == 0);
  CHECK(store.merge(early).attempts == 0);
  CHECK(store.trials(1)[0].reason == Reason::lost);
  CHECK(store.trials(1)[0].last_step == 25);
  CHECK(store.checkpoints(1).at(0).sha256 == "newer");

  writer.append_metrics(running.id, {{key, 30, 3}});
  writer.add_artifact(running.id, {"checkpoint", "checkpoint", 30, "checkpoint.safetensors", "new", 1, ""});
  writer.finish_attempt(running.id, {.last_step = 30});
  CHECK(store.merge(shard).attempts == 1);  // its log is read with it: the writer has it open
  CHECK(store.trials(1)[0].state == TrialState::done);
  CHECK(store.trials(1)[0].attempts == 1);
  CHECK(store.checkpoints(1).at(0).sha256 == "new");
  Reader reader(folder / "main.db");
  CHECK(count(reader, "SELECT count(*) FROM metrics") == 4);
  CHECK(count(reader, "SELECT n FROM finals") == 4);
  CHECK(count(reader, "SELECT count(*) FROM events WHERE type = 'started'") == 1);
  // The earlier copy knows less, and is not taken again.
  CHECK(store.merge(early).attempts == 0);
  CHECK(store.trials(1)[0].state == TrialState::done);
}

TEST_CASE("a trial that went on elsewhere from a checkpoint is one curve when it comes back") {
  const Folder folder;
  Store store(folder / "main.db");
  const std::int64_t id = experiment(store);
  store.freeze_plan(id, {planned(1, "aaaa", 1), planned(2, "bbbb", 1)});
  attempt(store, store.trials(id)[0].id, -1, 70, 1, Reason::signal);
  {  // As an array task does: what is known of its trial, then on from step 50, in two goes.
    Store shard(folder / "shard.db");
    const MergeCounts counts = shard.merge(folder / "main.db", {"aaaa/1"});
    CHECK(counts.trials == 1);
    CHECK(counts.attempts == 1);
    CHECK(shard.trials(1).size() == 1);
    attempt(shard, 1, 50, 80, 2, Reason::lost);
    attempt(shard, 1, 80, 100, 3, Reason::ok);
    shard.close();
  }
  CHECK(store.merge(folder / "shard.db").attempts == 2);
  const TrialInfo trial = store.trials(id)[0];
  CHECK(trial.state == TrialState::done);
  CHECK(trial.attempts == 3);
  CHECK(lines(folder / "main.db",
              "SELECT attempt, count(*), min(step), max(step) FROM metrics WHERE trial = 1"
              " GROUP BY attempt") ==
        std::vector<std::string>{"1 | 5 | 10 | 50 | ", "2 | 3 | 60 | 80 | ", "3 | 2 | 90 | 100 | "});
  CHECK(seen(folder / "main.db", "trial_hash = 'aaaa/1'")["finals"] == seen(folder / "shard.db")["finals"]);
}

TEST_CASE("an attempt that was cut off here and there is the longer one") {
  const Folder folder;
  const fs::path shard = folder / "shard.db", early = folder / "early.db", again = folder / "again.db";
  std::optional<Store> writer(std::in_place, shard);
  const std::int64_t id = experiment(*writer);
  writer->freeze_plan(id, {planned(1, "aaaa", 1)});
  const Attempt running = writer->begin_attempt(1);
  const std::int64_t key = writer->metric_key("loss");
  writer->append_metrics(running.id, {{key, 10, 1}});
  writer->flush();
  snapshot(shard, early);
  writer->append_metrics(running.id, {{key, 20, 2}, {key, 30, 3}});
  writer->flush();
  snapshot(shard, shard.string() + ".last");
  Store store(folder / "main.db");
  store.merge(early);
  {  // The task runs again from what its former run left last, and ends.
    Store next(again);
    next.merge(shard.string() + ".last");
    attempt(next, 1, 30, 50, 5, Reason::ok);
    next.close();
  }
  CHECK(store.merge(again).attempts == 2);
  CHECK(lines(folder / "main.db", "SELECT step, attempt FROM metrics") ==
        std::vector<std::string>{"10 | 1 | ", "20 | 1 | ", "30 | 1 | ", "40 | 2 | ", "50 | 2 | "});
  CHECK(seen(folder / "main.db")["finals"] == seen(again)["finals"]);
}

TEST_CASE("a result that was given up here is not brought back by its shard") {
  const Folder folder;
  const auto shard = made(folder, "shard.db", [](Store& store, const auto& trials) {
    attempt(store, trials[0].id, -1, 100, 2, Reason::ok);
  });
  Store store(folder / "main.db");
  store.merge(shard);
  store.run_again({1}, "another binary");
  CHECK(store.merge(shard).attempts == 0);
  CHECK(store.trials(1)[0].state == TrialState::planned);
  // Nor is a newer one in its way.
  attempt(store, 1, -1, 100, 5, Reason::ok);
  store.close();
  Store other(folder / "other.db");
  other.merge(folder / "main.db");
  CHECK(other.trials(1)[0].state == TrialState::done);
  CHECK(seen(folder / "other.db") == seen(folder / "main.db"));
}

TEST_CASE("files that were copied with their shard are found beside it") {
  const Folder folder;
  const auto shard = made(folder, "shard.db", [&](Store& store, const auto& trials) {
    const Attempt row = store.begin_attempt(trials[0].id, {.folder = "/elsewhere/x.runs/e/t/attempt-1"});
    store.add_artifact(row.id, {"file", "f", 1, "f.txt", "", 1, ""});
    store.finish_attempt(row.id, {});
    const Attempt gone = store.begin_attempt(trials[1].id, {.folder = "/elsewhere/x.runs/e/t/attempt-9"});
    store.finish_attempt(gone.id, {});
  });
  fs::create_directories(folder / "x.runs/e/t/attempt-1");
  Store store(folder / "main.db");
  store.merge(shard);
  CHECK(lines(folder / "main.db", "SELECT trial, folder FROM attempts") ==
        std::vector<std::string>{"1 | " + (folder / "x.runs/e/t/attempt-1").string() + " | ",
                                 "2 | /elsewhere/x.runs/e/t/attempt-9 | "});
}

TEST_CASE("what is no shard of this format is refused with advice and nothing is changed") {
  const Folder folder;
  Store store(folder / "main.db");
  one_trial(store);
  const auto before = everything(folder / "main.db");
  const auto altered = [&](const std::string& name, const std::string& sql) {
    { Store other(folder / name); }
    sqlite3* db = nullptr;
    REQUIRE(sqlite3_open((folder / name).c_str(), &db) == SQLITE_OK);
    REQUIRE(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(db);
    return folder / name;
  };
  const auto refused = [&](ErrorKind kind, const std::string& text, const fs::path& file) {
    expect_error(kind, text, [&] { store.merge(file); });
  };
  fs::copy_file(fs::path(SADDLE_DATABASES) / "v1.db", folder / "v1.db");
  refused(ErrorKind::older, "saddle --db " + (folder / "v1.db").string() + " resume", folder / "v1.db");
  refused(ErrorKind::newer, "use that Saddle", altered("newer.db", "PRAGMA user_version = 99"));
  refused(ErrorKind::foreign, "not Saddle's", altered("foreign.db", "PRAGMA application_id = 7"));
  refused(ErrorKind::missing, "no such file", folder / "missing.db");
  refused(ErrorKind::usage, "would be merged into", folder / "main.db");
  std::ofstream(folder / "empty.db").close();
  refused(ErrorKind::foreign, "nothing to merge", folder / "empty.db");
  std::ofstream(folder / "text.db") << std::string(5000, 'x');
  CHECK_THROWS_AS(store.merge(folder / "text.db"), Error);
  write_full(folder / "cut.db");
  fs::resize_file(folder / "cut.db", fs::file_size(folder / "cut.db") / 2);
  CHECK_THROWS_AS(store.merge(folder / "cut.db"), Error);
  CHECK(everything(folder / "main.db") == before);
}

TEST_CASE("a merge that is killed has taken a shard whole or not at all") {
  const Folder folder;
  std::vector<fs::path> shards;
  for (int i = 0; i < 12; ++i) {
    shards.push_back(folder / ("shard-" + std::to_string(i) + ".db"));
    Store store(shards.back());
    const std::int64_t id = experiment(store);
    store.freeze_plan(id, {planned(i, "config" + std::to_string(i), 1)});
    const Attempt row = store.begin_attempt(store.trials(id)[0].id);
    std::vector<MetricRow> rows;
    for (int step = 0; step < 4000; ++step) rows.push_back({store.metric_key("loss"), step, 0.5 * step});
    store.append_metrics(row.id, rows);
    store.add_artifact(row.id, {"file", "f", 1, "f.txt", "", 1, ""});
    store.finish_attempt(row.id, {.last_step = 3999});
  }
  const auto merge_all = [&](const fs::path& main) {
    Store store(main);
    for (const fs::path& shard : shards) store.merge(shard);
    store.close();
  };
  merge_all(folder / "whole.db");
  const auto expected = contents(folder / "whole.db");

  std::srand(7);
  std::int64_t cut_off = 0;
  for (int round = 0; round < 20; ++round) {
    const fs::path main = folder / ("main-" + std::to_string(round) + ".db");
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      try {
        merge_all(main);
      } catch (...) {
        _exit(1);
      }
      _exit(0);
    }
    // The lock file is there from the start: then wait some part of the time that it takes.
    while (!fs::exists(main)) std::this_thread::sleep_for(std::chrono::microseconds(200));
    std::this_thread::sleep_for(std::chrono::microseconds(std::rand() % 120'000));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    {
      Store store(main);  // checks the file
      Reader reader(main);
      const std::int64_t taken = count(reader, "SELECT count(*) FROM trials");
      cut_off += taken < 12 ? 1 : 0;
      CHECK(count(reader, "SELECT count(*) FROM trials WHERE state = 'done' AND attempts = 1") == taken);
      CHECK(count(reader, "SELECT count(*) FROM metrics") == 4000 * taken);
      CHECK(count(reader, "SELECT count(*) FROM finals WHERE n = 4000") == taken);
      CHECK(count(reader, "SELECT count(*) FROM artifacts") == taken);
      CHECK(std::get<std::string>(reader.query("PRAGMA integrity_check").rows[0][0]) == "ok");
      store.close();
    }
    merge_all(main);
    CHECK(contents(main) == expected);
  }
  CHECK(cut_off > 0);
}

TEST_CASE("a snapshot replaces the one before and is whole") {
  const Folder folder;
  Store store(folder / "a.db");
  const Attempt row = store.begin_attempt(one_trial(store));
  store.append_metrics(row.id, {{store.metric_key("loss"), 1, 1}});
  store.flush();
  snapshot(folder / "a.db", folder / "copy.db");
  store.append_metrics(row.id, {{store.metric_key("loss"), 2, 1}});
  store.flush();
  snapshot(folder / "a.db", folder / "copy.db");
  Reader reader(folder / "copy.db");
  CHECK(count(reader, "SELECT count(*) FROM metrics") == 2);
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator(folder.path()))
    files += entry.path().filename().string().find("copy.db") != std::string::npos ? 1 : 0;
  CHECK(files == 1);  // no log, no temporary file
  expect_error(ErrorKind::io, "no-such", [&] { snapshot(folder / "a.db", folder / "no-such/copy.db"); });
}
