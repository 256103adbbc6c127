// Two databases know different things of one trial: what counts after a merge.
#include "db/snapshot.hpp"
#include "merged.hpp"

using namespace saddle::db;
using namespace saddle::db::test;

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
