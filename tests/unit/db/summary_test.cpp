#include <chrono>
#include <cmath>
#include <map>
#include <random>
#include <thread>

#include "db/summaries.hpp"
#include "fixture.hpp"

using namespace saddle::db;
using namespace saddle::db::test;

namespace {

std::string text(const Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const auto* real = std::get_if<double>(&value)) return std::to_string(*real);
  if (const auto* string = std::get_if<std::string>(&value)) return *string;
  return "null";
}

std::vector<std::string> lines(const Rows& rows) {
  std::vector<std::string> out;
  for (const auto& row : rows.rows) {
    std::string& line = out.emplace_back();
    for (const Value& value : row) line += text(value) + " ";
  }
  return out;
}

std::vector<std::string> finals(Reader& reader) {
  return lines(
      reader.query("SELECT trial, metric, last, kind, last_step, min, argmin, max, argmax, n, n_nan FROM "
                   "finals ORDER BY 1, 2"));
}

// The same, said slowly by the metrics themselves.
std::vector<std::string> finals_by_hand(Reader& reader) {
  return lines(reader.query(R"sql(
    SELECT trial, metric,
           (SELECT value FROM metrics l WHERE l.trial = m.trial AND l.metric = m.metric ORDER BY step DESC LIMIT 1),
           (SELECT kind FROM metrics l WHERE l.trial = m.trial AND l.metric = m.metric ORDER BY step DESC LIMIT 1),
           max(step),
           min(value) FILTER (WHERE kind = 0),
           (SELECT step FROM metrics l WHERE l.trial = m.trial AND l.metric = m.metric AND kind = 0
             ORDER BY value, step LIMIT 1),
           max(value) FILTER (WHERE kind = 0),
           (SELECT step FROM metrics l WHERE l.trial = m.trial AND l.metric = m.metric AND kind = 0
             ORDER BY value DESC, step LIMIT 1),
           count(*), sum(kind = 1)
      FROM metrics m GROUP BY trial, metric ORDER BY 1, 2)sql"));
}

}  // namespace

TEST_CASE("finals are there while a trial runs, and are what its metrics say") {
  const Folder folder;
  Store store(folder / "a.db");
  const std::int64_t experiment_id = experiment(store);
  store.freeze_plan(experiment_id, {planned(1, "aaaa", 1), planned(2, "bbbb", 1), planned(3, "cccc", 1)});
  const auto trials = store.trials(experiment_id);
  std::mt19937 random(GENERATE(1, 2, 3));
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  std::vector<std::int64_t> keys;
  for (const char* name : {"a", "b", "c"}) keys.push_back(store.metric_key(name));
  Reader reader(folder / "a.db");

  std::map<std::int64_t, std::int64_t> running;  // trial -> attempt
  for (const TrialInfo& trial : trials) running[trial.id] = store.begin_attempt(trial.id).id;
  for (int round = 0; round < 60; ++round) {
    for (auto& [trial, attempt] : running) {
      std::vector<MetricRow> rows;
      for (int i = below(8); i > 0; --i) {
        // Now and then a step that was there already, or comes late.
        const std::int64_t step = below(10) == 0 ? below(round * 10 + 1) : round * 10 + 9 - i;
        const double value = below(12) == 0   ? std::nan("")
                             : below(12) == 0 ? INFINITY
                             : below(12) == 0 ? -INFINITY
                                              : below(1'000'000) / 1024.0;
        rows.push_back({keys[static_cast<std::size_t>(below(3))], step, value});
      }
      store.append_metrics(attempt, rows);
      if (below(15) == 0) {  // it dies; the next one goes on from somewhere, or from the beginning
        store.finish_attempt(attempt, {.reason = Reason::signal});
        const std::int64_t planned_start = below(3) == 0 ? -1 : below(round * 10 + 1);
        attempt = store.begin_attempt(trial, {.start_step = planned_start}).id;
        if (below(2) == 0)
          store.attempt_started(attempt, {.resumed_from_step = below(2) == 0 ? planned_start : -1});
      }
    }
    store.flush();
    REQUIRE(finals(reader) == finals_by_hand(reader));
  }
  for (const auto& [trial, attempt] : running) store.finish_attempt(attempt, {.reason = Reason::ok});
  CHECK(finals(reader) == finals_by_hand(reader));
  CHECK_FALSE(finals(reader).empty());
}

TEST_CASE("finals of a running trial are written without being asked for") {
  const Folder folder;
  Store store(folder / "a.db");
  const Attempt attempt = store.begin_attempt(one_trial(store));
  store.append_metrics(attempt.id, {{store.metric_key("loss"), 1, 0.5}});
  store.append_metrics(attempt.id, {{store.metric_key("loss"), 2, 0.25}});
  Reader reader(folder / "a.db");
  // Within a second or so; a machine under load gets a minute.
  for (int i = 0; i < 600 && count(reader, "SELECT count(*) FROM finals WHERE last_step = 2") == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  CHECK(count(reader, "SELECT count(*) FROM finals WHERE last = 0.25 AND n = 2 AND max = 0.5") == 1);
}

TEST_CASE("a trial that begins anew has no finals of the attempt that failed") {
  const Folder folder;
  Store store(folder / "a.db");
  const std::int64_t trial = one_trial(store);
  const Attempt first = store.begin_attempt(trial);
  store.append_metrics(first.id, {{store.metric_key("loss"), 1, 0.5}});
  store.finish_attempt(first.id, {.reason = Reason::error});
  Reader reader(folder / "a.db");
  CHECK(count(reader, "SELECT count(*) FROM finals") == 1);
  store.begin_attempt(trial);
  CHECK(count(reader, "SELECT count(*) FROM finals") == 0);
}
