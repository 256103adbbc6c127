// What is measured after training: added, never changed, and taken along by merges.
#include <cmath>
#include <limits>

#include "fixture.hpp"

using namespace saddle::db;
using namespace saddle::db::test;

namespace {

const std::string kOwn = R"({"samples":1000})", kOther = R"({"samples":50})";

// A trial that measured 7 at step 10 under its own protocol; the attempt.
std::int64_t trained(Store& store) {
  const std::int64_t trial = one_trial(store);
  const Attempt attempt = store.begin_attempt(trial);
  store.append_metrics(
      attempt.id, {{store.metric_key("frechet", kOwn), 10, 7}, {store.metric_key("generator/total"), 10, 1}});
  store.finish_attempt(attempt.id, {.last_step = 10});
  return attempt.id;
}

Rows finals(const std::filesystem::path& path) {
  return Reader(path).query("SELECT metric, protocol, last, kind, n FROM finals ORDER BY metric, protocol");
}

}  // namespace

TEST_CASE("values that are measured later are rows of their own protocol, and old ones stay") {
  const Folder folder;
  Store store(folder / "a.db");
  const std::int64_t attempt = trained(store);
  CHECK(store.add_evaluations(attempt, {{"frechet", kOther, 10, 5},
                                        {"frechet", kOwn, 10, 99},
                                        {"kid", kOther, 10, std::nan("")},
                                        {"swd", kOther, 10, std::numeric_limits<double>::infinity()}}) == 3);
  CHECK(store.add_evaluations(attempt, {{"frechet", kOther, 10, 6}}) == 0);
  const Rows rows = finals(folder / "a.db");
  REQUIRE(rows.rows.size() == 5);
  CHECK(rows.rows[0] == std::vector<Value>{"frechet", kOwn, 7.0, std::int64_t{0}, std::int64_t{1}});
  CHECK(rows.rows[1] == std::vector<Value>{"frechet", kOther, 5.0, std::int64_t{0}, std::int64_t{1}});
  CHECK(rows.rows[3][3] == Value{std::int64_t{1}});
  CHECK(rows.rows[4][3] == Value{std::int64_t{2}});
  Reader reader(folder / "a.db");
  CHECK(count(reader, "SELECT count(*) FROM events WHERE type = 'evaluated'") == 1);
}

TEST_CASE("attempts that run, and steps that count no more, take no later values") {
  const Folder folder;
  Store store(folder / "a.db");
  const std::int64_t trial = one_trial(store);
  const Attempt first = store.begin_attempt(trial);
  expect_error(ErrorKind::usage, "still runs", [&] { store.add_evaluations(first.id, {{"a", kOwn, 4, 1}}); });
  store.finish_attempt(first.id, {.reason = Reason::cancelled, .last_step = 9});
  const Attempt second = store.begin_attempt(trial, {.start_step = 5});
  store.finish_attempt(second.id, {.last_step = 10});
  expect_error(ErrorKind::usage, "counts no more", [&] {
    store.add_evaluations(first.id, {{"a", kOwn, 4, 1}, {"a", kOwn, 9, 1}});
  });
  CHECK(store.add_evaluations(first.id, {{"a", kOwn, 5, 1}}) == 1);
  CHECK(store.add_evaluations(second.id, {{"a", kOwn, 10, 2}}) == 1);
  expect_error(ErrorKind::usage, "no attempt 99", [&] { store.add_evaluations(99, {{"a", kOwn, 4, 1}}); });
}

TEST_CASE("a merge brings values that were measured later there, and keeps those measured here") {
  const Folder folder;
  {
    Store store(folder / "there.db");
    const std::int64_t attempt = trained(store);
    store.close();
    std::filesystem::copy_file(folder / "there.db", folder / "here.db");
    Store again(folder / "there.db"), here(folder / "here.db");
    CHECK(again.add_evaluations(attempt, {{"frechet", kOther, 10, 5}, {"kid", kOther, 10, 3}}) == 2);
    CHECK(here.add_evaluations(attempt, {{"kid", kOther, 10, 4}, {"swd", kOther, 10, 2}}) == 2);
    again.close();
    CHECK(here.merge(folder / "there.db").metrics == 1);
    CHECK(here.merge(folder / "there.db").metrics == 0);
    here.close();
  }
  const Rows rows = finals(folder / "here.db");
  REQUIRE(rows.rows.size() == 5);
  CHECK(rows.rows[0] == std::vector<Value>{"frechet", kOwn, 7.0, std::int64_t{0}, std::int64_t{1}});
  CHECK(rows.rows[1] == std::vector<Value>{"frechet", kOther, 5.0, std::int64_t{0}, std::int64_t{1}});
  CHECK(rows.rows[3] == std::vector<Value>{"kid", kOther, 4.0, std::int64_t{0}, std::int64_t{1}});
  CHECK(rows.rows[4][0] == Value{"swd"});
}

TEST_CASE("values measured here of an attempt that was lost stay when its end arrives") {
  const Folder folder;
  Store there(folder / "there.db");
  const std::int64_t trial = one_trial(there);
  const Attempt attempt = there.begin_attempt(trial);
  there.append_metrics(attempt.id, {{there.metric_key("frechet", kOwn), 5, 7}});
  there.flush();
  Store here(folder / "here.db");
  here.merge(folder / "there.db");
  const std::int64_t copy = here.trials(here.latest_experiment()->id).at(0).last_attempt;
  CHECK(here.add_evaluations(copy, {{"frechet", kOther, 5, 3}}) == 1);
  there.append_metrics(attempt.id, {{there.metric_key("frechet", kOwn), 10, 6}});
  there.finish_attempt(attempt.id, {.last_step = 10});
  there.close();
  here.merge(folder / "there.db");
  here.close();
  const Rows rows = finals(folder / "here.db");
  REQUIRE(rows.rows.size() == 2);
  CHECK(rows.rows[0] == std::vector<Value>{"frechet", kOwn, 6.0, std::int64_t{0}, std::int64_t{2}});
  CHECK(rows.rows[1] == std::vector<Value>{"frechet", kOther, 3.0, std::int64_t{0}, std::int64_t{1}});
}
