#include <chrono>
#include <iostream>
#include <memory>
#include <set>
#include <thread>

#include <CLI/CLI.hpp>

#include <cli/closing.hpp>
#include <cli/command.hpp>
#include <cli/select.hpp>
#include <common/error.hpp>
#include <common/json.hpp>
#include <db/holder.hpp>
#include <db/reader.hpp>
#include <schedule/requests.hpp>

// saddle cancel: asks the run that holds the database, which does it and says so
// in an event. Nothing is written here but the request.
namespace saddle::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kAnswer = std::chrono::seconds(10);
constexpr auto kStop = std::chrono::seconds(40);  // a little more than a run gives its workers
constexpr auto kPoll = std::chrono::milliseconds(50);

// The trials that the words mean: each is an experiment, or failing that a trial.
std::vector<std::int64_t> trials_of(db::Reader& reader, const std::vector<std::string>& words) {
  std::set<std::int64_t> trials;
  for (const std::string& word : words) {
    const db::Rows experiment = reader.query(
        "SELECT experiment_id FROM experiments WHERE experiment = ?1 ORDER BY used DESC LIMIT 1", {word});
    if (experiment.rows.empty()) {
      trials.insert(select_trial(reader, word).id);
      continue;
    }
    for (const auto& row : reader
                               .query("SELECT trial FROM experiment_trials WHERE experiment_id = ?1",
                                      {integer_of(experiment.rows[0][0])})
                               .rows)
      trials.insert(integer_of(row[0]));
  }
  return {trials.begin(), trials.end()};
}

// The run's own words, once it has taken the request.
std::optional<std::string> answer_to(db::Reader& reader, const std::string& request) {
  const db::Rows rows = reader.query(
      "SELECT message FROM events WHERE type = 'cancel' AND data ->> '$.request' = ?1", {request});
  return rows.rows.empty() ? std::nullopt : std::optional(text_of(rows.rows[0][0]));
}

std::int64_t running_of(db::Reader& reader, const std::vector<std::int64_t>& trials) {
  return integer_of(
      reader
          .query("SELECT count(*) FROM trials WHERE state = 'running' AND trial IN (SELECT value FROM "
                 "json_each(?1))",
                 {Json(trials).dump()})
          .rows[0][0]);
}

template <class Condition>
bool wait(std::chrono::seconds most, const Condition& condition) {
  const auto end = Clock::now() + most;
  while (!condition()) {
    if (Clock::now() >= end) return false;
    std::this_thread::sleep_for(kPoll);
  }
  return true;
}

void cancel(const std::vector<std::string>& words, Globals& globals) {
  db::Reader reader(globals.database);
  const auto trials = trials_of(reader, words);
  const auto nobody = [&] {
    const auto holder = db::holder_of(globals.database);
    return !holder || !holder->alive;
  };
  const std::string idle = globals.database.string() +
                           ": no run holds it, so there is nothing to cancel. What runs: saddle status";
  if (nobody()) throw Error(idle);

  const auto folder = schedule::requests_folder(runs_folder(globals.database));
  const std::string request = schedule::post_request(folder, trials);
  std::optional<std::string> answer;
  if (!wait(kAnswer, [&] { return (answer = answer_to(reader, request)) || nobody(); }) || !answer) {
    schedule::withdraw_request(folder, request);
    throw Error(nobody() ? idle
                         : globals.database.string() + ": " + db::holder_of(globals.database)->text +
                               " did not answer; is it stopped? Nothing was cancelled.",
                kEnvironment);
  }
  std::cout << *answer << std::endl;
  if (!wait(kStop, [&] { return running_of(reader, trials) == 0 || nobody(); }))
    throw Error("they are told, and still running: see saddle status", kEnvironment);
}

}  // namespace

void add_cancel(CLI::App& app, Globals& globals) {
  auto words = std::make_shared<std::vector<std::string>>();
  CLI::App* command = app.add_subcommand(
      "cancel", "Stop trials of a run in another terminal; they keep a checkpoint, and resume finishes them");
  command->add_option("what", *words, "Trials, or whole experiments, by name or number")
      ->required()
      ->type_name("TRIAL|EXPERIMENT");
  command->callback([words, &globals] { cancel(*words, globals); });
}

}  // namespace saddle::cli
