#include <sqlite3.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <optional>

#include "db/snapshot.hpp"
#include "merged.hpp"

using namespace saddle::db;
using namespace saddle::db::test;

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

TEST_CASE("a merge of named trials brings back neither others nor what they were taken out of") {
  const Folder folder;
  const auto plan = [](Store& store) {
    const std::int64_t both = experiment(store, "both"), one = experiment(store, "one");
    store.freeze_plan(both, {planned(1, "aaaa", 1), planned(2, "bbbb", 1)});
    store.freeze_plan(one, {planned(1, "bbbb", 1)});
    return std::pair(both, one);
  };
  {
    Store shard(folder / "shard.db");
    const auto [both, one] = plan(shard);
    for (const TrialInfo& trial : shard.trials(both)) attempt(shard, trial.id, -1, 30, 1, Reason::ok);
    shard.close();
  }
  const fs::path main = folder / "main.db";
  Store store(main);
  const auto [both, one] = plan(store);
  const auto trials = store.trials(both);
  // The first goes for good, the second out of one of its two experiments, and that with it.
  store.remove({{both, trials[0].id}, {both, trials[1].id}}, {both});
  store.merge(folder / "shard.db", {"bbbb/1"});
  CHECK(lines(main, "SELECT experiment, name FROM experiment_trials") ==
        std::vector<std::string>{"one | 0001-bbbb-s1 | "});
  CHECK(lines(main, "SELECT experiment FROM experiments") == std::vector<std::string>{"one | "});
  CHECK(lines(main, "SELECT state FROM trials") == std::vector<std::string>{"done | "});
  // Without names all of it is wanted again.
  store.merge(folder / "shard.db");
  CHECK(
      lines(main, "SELECT experiment, name FROM experiment_trials") ==
      std::vector<std::string>{"both | 0001-aaaa-s1 | ", "both | 0002-bbbb-s1 | ", "one | 0001-bbbb-s1 | "});
  store.close();
}

TEST_CASE("what a removed trial was is an event of the experiment that it was removed from") {
  const Folder folder;
  Store store(folder / "a.db");
  const std::int64_t id = experiment(store);
  store.freeze_plan(id, {planned(1, "aaaa", 1), planned(2, "bbbb", 1)});
  store.remove({{id, store.trials(id)[0].id}}, {});
  CHECK(lines(folder / "a.db", "SELECT experiment, message, data FROM events WHERE type = 'remove'") ==
        std::vector<std::string>{"e | 0001-aaaa-s1 | {\"trial_hash\":\"aaaa/1\"} | "});
  store.close();
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
