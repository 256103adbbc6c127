#include <cli/closing.hpp>

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include <cli/names.hpp>
#include <cli/progress.hpp>
#include <cli/ranking.hpp>
#include <common/json.hpp>
#include <db/reader.hpp>

namespace saddle::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kRanked = 20;  // configs in the table; `best` shows all

// "11 ok, 1 diverged, 2 error, 3 not started"
std::string outcome(const schedule::Summary& summary) {
  std::string text;
  for (const auto& [reason, n] : summary.ended)
    text += (text.empty() ? "" : ", ") + std::to_string(n) + " " + std::string(db::to_string(reason));
  if (summary.not_started > 0)
    text += (text.empty() ? "" : ", ") + std::to_string(summary.not_started) + " not started";
  if (summary.retried > 0) text += ", " + std::to_string(summary.retried) + " retried";
  return text.empty() ? "nothing to run" : text;
}

// Of the config that ranks first the first trial that counted. Empty when there is none.
std::string best_trial(const Closing& closing, const Rankings& rankings) {
  if (rankings.by_protocol.empty() || rankings.by_protocol[0].configs.empty()) return "";
  const RankedConfig& config = rankings.by_protocol[0].configs[0];
  if (!config.mean) return "";
  for (const db::TrialInfo& trial : closing.trials)
    if (trial.config_hash == config.config_hash && trial.reason == db::Reason::ok) return trial.name;
  return "";
}

const db::TrialInfo* first_in(const Closing& closing, db::TrialState state) {
  for (const db::TrialInfo& trial : closing.trials)
    if (trial.state == state) return &trial;
  return nullptr;
}

// "5 of 9 trials, which trained 620 of their 4500 rounds"; empty when none was pruned.
std::string what_was_pruned(const Closing& closing) {
  std::int64_t pruned = 0, trained = 0, rounds = 0;
  for (const db::TrialInfo& trial : closing.trials) {
    if (trial.state != db::TrialState::pruned) continue;
    ++pruned;
    trained += std::max<std::int64_t>(0, trial.last_step);
    rounds += Json::parse(trial.config_json)["train"]["rounds"].get<std::int64_t>();
  }
  if (pruned == 0) return "";
  return std::to_string(pruned) + " of " + std::to_string(closing.trials.size()) + " trials, which trained " +
         std::to_string(trained) + " of their " + std::to_string(rounds) + " rounds";
}

// The name of a trial as a command takes it: its number where another trial has the same name.
std::string word_for(const Closing& closing, const std::string& name, db::Reader& reader) {
  const db::Rows same =
      reader.query("SELECT count(DISTINCT trial) FROM experiment_trials WHERE name = ?1", {name});
  for (const db::TrialInfo& trial : closing.trials)
    if (trial.name == name && std::get<std::int64_t>(same.rows.at(0).at(0)) > 1)
      return std::to_string(trial.id);
  return name;
}

std::vector<std::string> next_steps(const Closing& closing, const std::string& metric,
                                    const std::string& best, db::Reader& reader) {
  std::vector<std::string> steps;
  if (const auto* failed = first_in(closing, db::TrialState::failed))
    steps.push_back("show " + word_for(closing, failed->name, reader));
  const bool unfinished = std::any_of(closing.trials.begin(), closing.trials.end(), [](const auto& trial) {
    return trial.state != db::TrialState::done && trial.state != db::TrialState::pruned;
  });
  if (unfinished) steps.push_back("resume " + closing.name);
  std::string trial = best.empty() && !closing.trials.empty() ? closing.trials.front().name : best;
  if (!trial.empty()) trial = word_for(closing, trial, reader);
  if (!metric.empty()) steps.push_back("best --metric " + metric);
  const std::string show = "show " + trial;
  if (!trial.empty() && (steps.empty() || steps.front() != show)) steps.push_back(show);
  if (!metric.empty() && !trial.empty()) steps.push_back("curve " + trial + " --metric " + metric);
  steps.push_back("ls");
  if (steps.size() > 3) steps.resize(3);
  return steps;
}

}  // namespace

fs::path runs_folder(const fs::path& database) {
  fs::path folder = fs::absolute(database);
  if (folder.extension() == ".db") folder.replace_extension();
  folder += ".runs";
  return folder;
}

std::string command_line(const Globals& globals) {
  const char* wrapper = std::getenv("SADDLE_COMMAND");
  std::string text = wrapper != nullptr && *wrapper != '\0' ? wrapper : "saddle";
  const char* chosen = std::getenv("SADDLE_DB");
  const bool found_without =
      globals.database == (chosen != nullptr && *chosen != '\0' ? chosen : "saddle.db");
  if (!found_without) text += " --db " + globals.database.string();
  return text;
}

void print_closing(const Closing& closing, const Globals& globals) {
  db::Reader reader(globals.database);
  std::cout << "\n" << closing.name << ": " << outcome(closing.summary);
  if (!closing.summary.ended.empty()) std::cout << ", in " << duration_text(closing.seconds);
  std::cout << "\n";
  const std::vector<std::string> metrics = evaluated_metrics(reader, closing.experiment);
  const std::string metric = metrics.empty() ? "" : metrics.front();  // the one that ranks
  std::string best;
  if (!metric.empty()) {
    Rankings rankings = rank(reader, closing.experiment, metric);
    rankings.others = take_others(rankings.by_protocol, {});
    best = best_trial(closing, rankings);
    std::cout << '\n';
    print_rankings(std::cout, rankings, kRanked);
  }

  const std::string pruned = what_was_pruned(closing);
  if (!pruned.empty())
    std::cout << "\npruned    " << pruned << "; to train the rest: " << command_line(globals) << " resume "
              << closing.name << " --no-prune\n";
  std::cout << "\ndatabase  " << fs::absolute(globals.database).string() << "\nfiles     "
            << (runs_folder(globals.database) / closing.name).string() << "\n\nworth trying next:\n";
  for (const std::string& step : next_steps(closing, metric, best, reader))
    std::cout << "  " << command_line(globals) << " " << step << '\n';
}

}  // namespace saddle::cli
