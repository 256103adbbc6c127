#include "fixture.hpp"

using namespace saddle::db;
using namespace saddle::db::test;

namespace {

void finish(Store& store, std::int64_t trial, Reason reason) {
  const Attempt attempt = store.begin_attempt(trial);
  store.finish_attempt(attempt.id, {.reason = reason, .last_step = 10});
}

}  // namespace

TEST_CASE("a plan is stored with every parameter") {
  const Folder folder;
  Store store(folder / "a.db");
  const std::int64_t id = experiment(store);
  PlannedTrial plan = planned(1, "aaaa", 1);
  plan.config_json = R"({"losses":[{"use":"hinge","weight":1.0},{"use":"r1","weight":2}],
                         "optimizers":{"generator":{"betas":[0.0,0.9]}},"on":true,"none":null,"empty":{}})";
  const PlanCounts counts = store.freeze_plan(id, {plan, planned(2, "aaaa", 2)});
  CHECK(counts.planned == 2);
  store.close();

  Reader reader(folder / "a.db");
  const Rows rows =
      reader.query("SELECT path, type, value, typeof(value) FROM params WHERE trial = 1 ORDER BY path");
  std::vector<std::string> found;
  for (const auto& row : rows.rows) {
    const Value& value = row[2];
    std::string text = std::get<std::string>(row[0]) + " " + std::get<std::string>(row[1]) + " " +
                       std::get<std::string>(row[3]);
    if (const auto* s = std::get_if<std::string>(&value)) text += " " + *s;
    if (const auto* i = std::get_if<std::int64_t>(&value)) text += " " + std::to_string(*i);
    found.push_back(text);
  }
  CHECK(found == std::vector<std::string>{
                     "empty object text {}", "losses.0.use string text hinge", "losses.0.weight number real",
                     "losses.1.use string text r1", "losses.1.weight integer integer 2", "none null null",
                     "on boolean integer 1", "optimizers.generator.betas array text [0.0,0.9]"});
  CHECK(count(reader, "SELECT count(*) FROM trials WHERE state = 'planned' AND experiment = 'e'") == 2);
}

TEST_CASE("a plan is stored whole or not at all") {
  const Folder folder;
  Store store(folder / "a.db");
  const std::int64_t id = experiment(store);
  PlannedTrial broken = planned(2, "bbbb", 1);
  broken.config_json = "not json";
  expect_error(ErrorKind::usage, "config", [&] { store.freeze_plan(id, {planned(1, "aaaa", 1), broken}); });
  CHECK(store.trials(id).empty());
}

TEST_CASE("the same grid again is the same experiment, an edited one is another") {
  const Folder folder;
  Store store(folder / "a.db");
  const std::int64_t first = experiment(store, "e", "1");
  const std::int64_t second = experiment(store, "e", "2");
  CHECK(first != second);
  CHECK(store.find_experiment("e")->id == second);
  CHECK(experiment(store, "e", "1") == first);
  CHECK(store.latest_experiment()->id == first);
  CHECK(store.find_experiment("e")->id == first);
  CHECK(store.find_experiment(std::to_string(second))->id == second);
  CHECK_FALSE(store.find_experiment("nothing"));
  CHECK_FALSE(store.find_experiment("99"));
}

TEST_CASE("trials that are done are linked, not planned again") {
  const Folder folder;
  Store store(folder / "a.db");
  const std::int64_t first = experiment(store, "first");
  store.freeze_plan(first, {planned(1, "aaaa", 1), planned(2, "bbbb", 1), planned(3, "cccc", 1)});
  const auto before = store.trials(first);
  finish(store, before[0].id, Reason::ok);
  finish(store, before[1].id, Reason::error);

  const std::int64_t second = experiment(store, "second");
  const PlanCounts counts =
      store.freeze_plan(second, {planned(5, "aaaa", 1), planned(6, "bbbb", 1), planned(7, "dddd", 1)});
  CHECK(counts.done == 1);
  CHECK(counts.known == 1);
  CHECK(counts.planned == 1);

  const auto all = store.trials(second);
  REQUIRE(all.size() == 3);
  CHECK(all[0].id == before[0].id);
  CHECK(all[0].state == TrialState::done);
  CHECK(all[0].name == "0005-aaaa-s1");
  const auto left = store.trials_to_run(second);
  REQUIRE(left.size() == 2);
  CHECK(left[0].id == before[1].id);
  CHECK(left[1].config_hash == "dddd");
  store.close();
  Reader reader(folder / "a.db");
  CHECK(count(reader, "SELECT count(*) FROM trials") == 4);
  CHECK(count(reader, "SELECT trials FROM experiments WHERE experiment = 'second'") == 3);
  CHECK(count(reader, "SELECT done FROM experiments WHERE experiment = 'second'") == 1);
}

TEST_CASE("a trial without a result takes over the new plan's config, one with a result keeps its own") {
  const Folder folder;
  Store store(folder / "a.db");
  const std::int64_t id = experiment(store);
  store.freeze_plan(id, {planned(1, "aaaa", 1), planned(2, "bbbb", 1)});
  finish(store, store.trials(id)[0].id, Reason::ok);
  PlannedTrial first = planned(1, "aaaa", 1), second = planned(2, "bbbb", 1);
  first.config_json = second.config_json = R"({"record":{"every":5}})";
  store.freeze_plan(id, {first, second});
  CHECK(store.trials(id)[0].config_json != first.config_json);
  CHECK(store.trials(id)[1].config_json == second.config_json);
  store.close();
  Reader reader(folder / "a.db");
  CHECK(count(reader, "SELECT count(*) FROM params WHERE trial = 2") == 1);
}
