#include <algorithm>
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include <cli/closing.hpp>
#include <cli/command.hpp>
#include <cli/files.hpp>
#include <cli/select.hpp>
#include <cli/submissions.hpp>
#include <common/error.hpp>
#include <common/json.hpp>
#include <db/store.hpp>

// saddle rm: trials and experiments, with all their rows and files.
namespace saddle::cli {
namespace {

namespace fs = std::filesystem;

struct Words {
  std::vector<db::Membership> members;
  std::vector<std::int64_t> experiments;
};

std::string counted(std::int64_t n, const std::string& what) {
  return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
}

std::vector<std::int64_t> numbers_of(const db::Rows& rows) {
  std::vector<std::int64_t> numbers;
  for (const auto& row : rows.rows) numbers.push_back(integer_of(row[0]));
  return numbers;
}

// A trial that several experiments have is meant only where the word says of which.
db::Membership membership_of(db::Reader& reader, const std::string& word) {
  const TrialRef trial = select_trial(reader, word);
  const db::Rows in = reader.query(
      "SELECT experiment_id, experiment, name FROM experiment_trials WHERE trial = ?1 ORDER BY experiment_id",
      {trial.id});
  std::string names;
  for (const auto& row : in.rows) {
    if (in.rows.size() == 1 || word == text_of(row[1]) + "/" + text_of(row[2]))
      return {integer_of(row[0]), trial.id};
    names += "\n  " + text_of(row[1]) + "/" + text_of(row[2]);
  }
  throw Error("trial " + trial.name + " belongs to " + std::to_string(in.rows.size()) +
              " experiments; say which of them shall lose it:" + names);
}

// Each word is an experiment (all of that name), or failing that a trial.
Words read_words(db::Reader& reader, const std::vector<std::string>& words) {
  Words result;
  for (const std::string& word : words) {
    const auto named =
        numbers_of(reader.query("SELECT experiment_id FROM experiments WHERE experiment = ?1", {word}));
    if (named.empty())
      result.members.push_back(membership_of(reader, word));
    else
      result.experiments.insert(result.experiments.end(), named.begin(), named.end());
  }
  return result;
}

// What would go: trials that no other experiment has.
std::vector<std::int64_t> doomed(db::Reader& reader, const Words& words) {
  Json pairs = Json::array();
  for (const db::Membership& member : words.members) pairs.push_back({member.experiment, member.trial});
  return numbers_of(reader.named("only_in", {Json(words.experiments).dump(), pairs.dump()}));
}

// Only below what belongs to this database: a copy of one names the files of the original. Gives the folders
// that stayed.
std::vector<fs::path> remove_folders(const std::vector<db::AttemptFolder>& folders, const fs::path& database,
                                     std::uintmax_t& bytes) {
  const fs::path runs = runs_folder(database), jobs = slurm_folder(database);
  std::vector<fs::path> left;
  for (const db::AttemptFolder& recorded : folders) {
    const fs::path folder = folder_now(recorded, runs);
    if (folder.empty()) continue;
    const std::uintmax_t size = size_of(folder);
    if (remove_in(folder, runs) || remove_in(folder, jobs))
      bytes += size;
    else
      left.push_back(folder);
  }
  return left;
}

void remove(const std::vector<std::string>& given, bool yes, Globals& globals) {
  Words words;
  std::string question;
  std::vector<fs::path> jobs;
  {
    db::Reader reader(globals.database);
    words = read_words(reader, given);
    const std::vector<std::int64_t> trials = doomed(reader, words);
    const std::string list = Json(trials).dump();
    const db::Rows running = reader.query(
        "SELECT name FROM trials WHERE state = 'running' AND trial IN (SELECT value FROM json_each(?1))",
        {list});
    if (!running.rows.empty())
      throw Error("trial " + text_of(running.rows[0][0]) + " is running; first: " + command_line(globals) +
                  " cancel " + given.front());
    for (const std::int64_t experiment : words.experiments)
      for (const Submission& job : submissions(reader, experiment)) jobs.push_back(job.folder);
    const auto sizes = reader.named("size_of", {list}).rows.at(0);
    question = "Remove " +
               (words.experiments.empty()
                    ? ""
                    : counted(static_cast<std::int64_t>(words.experiments.size()), "experiment") + ", ") +
               counted(static_cast<std::int64_t>(trials.size()), "trial") + " with " +
               counted(integer_of(sizes[0]), "value") + " and " + counted(integer_of(sizes[1]), "artifact") +
               " (" + size_text(static_cast<std::uintmax_t>(integer_of(sizes[2]))) + ")?";
  }
  if (!yes && !confirmed(question)) {
    std::cout << "nothing was removed\n";
    return;
  }

  db::Store store(globals.database, {.orphan_wait = std::chrono::milliseconds(0),
                                     .notice = [](const std::string& text) { std::cerr << text << '\n'; }});
  const db::Removed removed = store.remove(words.members, words.experiments);
  store.close();
  // The rows are gone for good by now; should this be cut short, gc finds the files.
  std::uintmax_t bytes = 0;
  const std::vector<fs::path> left = remove_folders(removed.folders, globals.database, bytes);
  std::cout << "removed " << counted(removed.trials, "trial") << " with " << counted(removed.values, "value")
            << ", " << counted(removed.artifacts, "artifact") << ", " << size_text(bytes) << " of files";
  if (removed.shared > 0)
    std::cout << "; " << counted(removed.shared, "trial") << " stayed, since another experiment has "
              << (removed.shared == 1 ? "it" : "them");
  std::cout << '\n';
  if (!left.empty())
    std::cerr << "saddle: " << counted(static_cast<std::int64_t>(left.size()), "folder")
              << " left alone, of another database or not ours to remove: " << left[0].string()
              << (left.size() > 1 ? " ..." : "") << '\n';
  for (const fs::path& folder : jobs)
    std::cout << "plan, shards and logs of its array job are still in " << folder.string()
              << "; gc removes them when Slurm has ended it\n";
}

}  // namespace

void add_rm(CLI::App& app, Globals& globals) {
  struct Options {
    std::vector<std::string> words;
    bool yes = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("rm", "Remove trials or experiments, with their values and files");
  command->add_option("what", options->words, "Trials, or whole experiments, by name or number")
      ->required()
      ->type_name("TRIAL|EXPERIMENT");
  command->add_flag("-y,--yes", options->yes, "Do not ask");
  command->callback([options, &globals] { remove(options->words, options->yes, globals); });
}

}  // namespace saddle::cli
