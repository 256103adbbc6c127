#include <cmath>
#include <limits>
#include <thread>

#include "fixture.hpp"

using namespace saddle::db;
using namespace saddle::db::test;

TEST_CASE("NaN and infinities keep their kind") {
  const Folder folder;
  Store store(folder / "a.db");
  const Attempt attempt = store.begin_attempt(one_trial(store));
  const std::int64_t key = store.metric_key("loss");
  const double inf = std::numeric_limits<double>::infinity();
  store.append_metrics(attempt.id, {{key, 1, 0.5},
                                    {key, 2, std::nan("")},
                                    {key, 3, inf},
                                    {key, 4, -inf},
                                    {key, 5, -0.25},
                                    {key, 6, std::nan("")}});
  store.finish_attempt(attempt.id, {.reason = Reason::diverged});
  store.close();

  Reader reader(folder / "a.db");
  const Rows rows = reader.query("SELECT kind, value FROM metrics ORDER BY step");
  REQUIRE(rows.rows.size() == 6);
  std::vector<std::int64_t> kinds;
  for (const auto& row : rows.rows) kinds.push_back(std::get<std::int64_t>(row[0]));
  CHECK(kinds == std::vector<std::int64_t>{0, 1, 2, 3, 0, 1});
  CHECK(std::holds_alternative<std::monostate>(rows.rows[1][1]));
  CHECK(std::get<double>(rows.rows[2][1]) == inf);
  CHECK(std::get<double>(rows.rows[3][1]) == -inf);
  // min and max are of the finite values; the last one was not finite.
  CHECK(count(reader,
              "SELECT count(*) FROM finals WHERE last IS NULL AND kind = 1 AND last_step = 6 AND min = -0.25"
              " AND argmin = 5 AND max = 0.5 AND argmax = 1 AND n = 6 AND n_nan = 2") == 1);
}

TEST_CASE("names under different protocols are different metrics") {
  const Folder folder;
  Store store(folder / "a.db");
  const std::int64_t pixels = store.metric_key("frechet", R"({"features":"pixels"})");
  CHECK(store.metric_key("frechet", R"({"features":"pixels"})") == pixels);
  CHECK(store.metric_key("frechet", R"({"features":"logit"})") != pixels);
  CHECK(store.metric_key("frechet") != pixels);
}

TEST_CASE("a step that comes again replaces the row, in any order of steps") {
  const Folder folder;
  Store store(folder / "a.db");
  const Attempt attempt = store.begin_attempt(one_trial(store));
  const std::int64_t key = store.metric_key("loss");
  store.append_metrics(attempt.id, {{key, 9, 9.0}, {key, 3, 1.0}, {key, 3, 2.0}});
  store.append_metrics(attempt.id, {{key, 3, 3.0}});
  store.flush();
  store.append_metrics(attempt.id, {{key, 9, 10.0}});
  store.flush();
  Reader reader(folder / "a.db");
  CHECK(count(reader, "SELECT count(*) FROM metrics") == 2);
  CHECK(count(reader, "SELECT count(*) FROM metrics WHERE (step, value) IN ((3, 3.0), (9, 10.0))") == 2);
}

TEST_CASE("of attempts that overlap, each step counts once, as the later attempt has it") {
  const Folder folder;
  Store store(folder / "a.db");
  const std::int64_t trial = one_trial(store);
  const std::int64_t key = store.metric_key("loss");
  const auto run = [&](std::int64_t start, std::int64_t from, std::int64_t to, double value, Reason reason) {
    const Attempt attempt = store.begin_attempt(trial, {.start_step = start});
    for (std::int64_t step = from; step <= to; ++step) store.append_metrics(attempt.id, {{key, step, value}});
    store.finish_attempt(attempt.id, {.reason = reason, .last_step = to});
  };
  run(-1, 0, 9, 1, Reason::error);  // thrown away: the next one starts afresh
  run(-1, 0, 7, 2, Reason::signal);
  run(4, 0, 6, 3, Reason::lost);  // measures 0 to 4 again, which counts as before
  run(5, 6, 8, 4, Reason::ok);
  store.close();
  Reader reader(folder / "a.db");
  const Rows rows = reader.query("SELECT value, attempt FROM metrics ORDER BY step");
  std::vector<double> values;
  for (const auto& row : rows.rows) values.push_back(std::get<double>(row[0]));
  CHECK(values == std::vector<double>{2, 2, 2, 2, 2, 3, 4, 4, 4});
  CHECK(count(reader, "SELECT n FROM finals") == 9);
  CHECK(count(reader, "SELECT count(*) FROM finals WHERE last = 4 AND last_step = 8 AND min = 2") == 1);
}

TEST_CASE("many threads, small queue: nothing is lost and nothing locks up") {
  const Folder folder;
  Store store(folder / "a.db", {.queue_rows = 100});
  const Attempt attempt = store.begin_attempt(one_trial(store));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      const std::int64_t key = store.metric_key("m" + std::to_string(t));
      for (int batch = 0; batch < 50; ++batch) {
        std::vector<MetricRow> rows;
        // Every tenth batch is larger than the queue.
        const int size = batch % 10 == 0 ? 150 : 20;
        for (int i = 0; i < size; ++i) rows.push_back({key, batch * 1000 + i, 1.0});
        store.append_metrics(attempt.id, rows);
      }
    });
  for (std::thread& thread : threads) thread.join();
  store.flush();
  Reader reader(folder / "a.db");
  CHECK(count(reader, "SELECT count(*) FROM metrics") == 4 * (5 * 150 + 45 * 20));
}

TEST_CASE("a reader sees what is committed while the writer goes on") {
  const Folder folder;
  Store store(folder / "a.db");
  const Attempt attempt = store.begin_attempt(one_trial(store));
  const std::int64_t key = store.metric_key("loss");
  Reader reader(folder / "a.db");
  for (int step = 1; step <= 5; ++step) {
    store.append_metrics(attempt.id, {{key, step, 1.0}});
    store.flush();
    CHECK(count(reader, "SELECT count(*) FROM metrics") == step);
  }
}
