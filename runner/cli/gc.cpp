#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include <CLI/CLI.hpp>

#include <cli/closing.hpp>
#include <cli/command.hpp>
#include <cli/files.hpp>
#include <cli/select.hpp>
#include <cli/submissions.hpp>
#include <cli/table.hpp>
#include <common/error.hpp>
#include <common/paths.hpp>
#include <common/sha256.hpp>
#include <db/store.hpp>
#include <schedule/slurm.hpp>

// saddle gc: files beside the database that no row names.
namespace saddle::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFreePages = "pages of rows that were removed";

struct Garbage {
  fs::path path;
  std::string why;
  std::uintmax_t bytes = 0;
  fs::path below;  // the folder that it may be removed from
};

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    entries.push_back(it->path());
  std::sort(entries.begin(), entries.end());
  return entries;
}

// Of symbolic links nothing is known: what they point to is not ours.
bool is_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(fs::symlink_status(path, error));
}

// In the folder of an attempt that has ended.
void look_in(const fs::path& folder, const std::set<std::string>& named, const fs::path& below,
             std::vector<Garbage>& garbage) {
  for (const fs::path& file : entries_of(folder)) {
    std::error_code error;
    if (!fs::is_regular_file(fs::symlink_status(file, error))) continue;
    if (file.filename() == "trial.json" || file.filename() == "output.log") continue;
    if (!named.contains(sha256_file(file)))
      garbage.push_back({file, "no row has this content", size_of(file), below});
  }
}

// Attempts whose processes run are left alone, and so is all that does not look like
// <experiment>/<trial>/attempt-<n>.
void find_in_runs(const std::vector<AttemptFiles>& attempts, const std::set<std::string>& named,
                  const fs::path& runs, std::vector<Garbage>& garbage) {
  std::map<fs::path, bool> running;  // by tail: a moved database has moved files
  for (const AttemptFiles& attempt : attempts) running[tail_of(attempt.folder.path)] |= attempt.running;
  for (const fs::path& experiment : entries_of(runs)) {
    if (!is_folder(experiment) || experiment.filename().string().starts_with('.')) continue;
    for (const fs::path& trial : entries_of(experiment)) {
      if (!is_folder(trial)) continue;
      for (const fs::path& attempt : entries_of(trial)) {
        if (!is_folder(attempt) || !attempt.filename().string().starts_with("attempt-")) continue;
        const auto known = running.find(tail_of(attempt));
        if (known == running.end())
          garbage.push_back({attempt, "of no attempt in the database", size_of(attempt), runs});
        else if (!known->second)
          look_in(attempt, named, runs, garbage);
      }
    }
  }
}

// True when Slurm has no task of the job whose folder this is. False, with a line that says why, when it
// cannot be asked or nobody knows the job's number.
bool has_ended(const fs::path& folder) {
  const fs::path file = Submission{.folder = folder}.job_file();
  std::error_code error;
  try {
    if (!fs::exists(file, error)) throw Error("nobody knows which job of Slurm it is");
    const std::string text = read_file(file);
    const schedule::QueuedTasks tasks = schedule::queued_tasks(text.substr(0, text.find('\n')));
    return tasks.running.empty() && tasks.waiting.empty();
  } catch (const Error& e) {
    std::cerr << "note: left alone: " << folder.string() << ": " << e.what() << '\n';
    return false;
  }
}

// Of array jobs: in attempts that have a result, which nothing goes on from, and whole jobs that have ended
// and whose experiment was removed. What else there is may be in shards that are still to be taken over.
void find_in_jobs(db::Reader& reader, const std::vector<AttemptFiles>& attempts,
                  const std::set<std::string>& named, const fs::path& jobs, std::vector<Garbage>& garbage) {
  std::set<std::string> known;  // by name: a moved database has moved jobs
  for (const auto& row :
       reader.query("SELECT data ->> '$.folder' FROM events WHERE trial IS NULL AND type = 'submit'").rows)
    known.insert(fs::path(text_of(row[0])).filename().string());
  for (const fs::path& job : entries_of(jobs)) {
    std::error_code error;
    if (!is_folder(job) || !fs::exists(job / "plan.json", error)) continue;
    const std::string part = (jobs.filename() / job.filename()).string() + "/";
    bool used = known.contains(job.filename().string());
    for (const AttemptFiles& attempt : attempts) {
      if (attempt.folder.path.string().find(part) == std::string::npos) continue;
      used = true;
      if (attempt.done && is_inside(attempt.folder.path, job))
        look_in(attempt.folder.path, named, jobs, garbage);
    }
    if (!used && has_ended(job))
      garbage.push_back({job, "an array job of no experiment in the database", size_of(job), jobs});
  }
}

std::vector<Garbage> find_garbage(db::Reader& reader, const fs::path& database) {
  const std::vector<AttemptFiles> attempts = attempt_files(reader);
  std::set<std::string> named;
  for (const AttemptFiles& attempt : attempts)
    for (const auto& artifact : attempt.artifacts) named.insert(artifact.sha256);
  std::vector<Garbage> garbage;
  find_in_runs(attempts, named, runs_folder(database), garbage);
  find_in_jobs(reader, attempts, named, slurm_folder(database), garbage);
  return garbage;
}

// Pages of removed rows; 0 where there are too few to be worth writing the file anew.
std::uintmax_t free_bytes(db::Reader& reader) {
  const auto pragma = [&](const char* name) {
    return integer_of(reader.query(std::string("PRAGMA ") + name).rows.at(0).at(0));
  };
  const std::int64_t free = pragma("freelist_count");
  return free >= 16 && free * 10 >= pragma("page_count")
             ? static_cast<std::uintmax_t>(free * pragma("page_size"))
             : 0;
}

OrderedJson to_json(const std::vector<Garbage>& garbage, bool removed) {
  OrderedJson list = OrderedJson::array();
  for (const Garbage& g : garbage)
    list.push_back({{"path", g.path.string()}, {"why", g.why}, {"bytes", g.bytes}, {"removed", removed}});
  return list;
}

void gc(bool yes, bool json, Globals& globals) {
  // While we hold the database nobody writes it, and so nobody makes a folder that
  // has no row yet. Only looking needs no such thing.
  std::optional<db::Store> store;
  if (yes) {
    db::Reader exists(globals.database);  // a misspelled name should not make a database
    store.emplace(globals.database,
                  db::OpenOptions{.orphan_wait = std::chrono::milliseconds(0),
                                  .notice = [](const std::string& text) { std::cerr << text << '\n'; }});
  }
  db::Reader reader(globals.database);
  std::vector<Garbage> garbage = find_garbage(reader, globals.database);
  if (const std::uintmax_t bytes = free_bytes(reader))
    garbage.push_back({globals.database, kFreePages, bytes, {}});
  std::uintmax_t bytes = 0;
  std::vector<Garbage> stuck;
  for (const Garbage& g : garbage) {
    if (yes && g.why == kFreePages) {
      store->compact();
    } else if (yes && !remove_in(g.path, g.below)) {
      stuck.push_back(g);
      continue;
    }
    bytes += g.bytes;
    if (!json) std::cout << g.path.string() << "  " << size_text(g.bytes) << ", " << g.why << '\n';
  }
  for (const Garbage& g : stuck) std::cerr << "saddle: cannot remove " << g.path.string() << '\n';
  if (!stuck.empty()) globals.exit_code = kEnvironment;
  if (json) return print_json(std::cout, to_json(garbage, yes));
  if (garbage.empty())
    std::cout << "nothing to remove below " << runs_folder(globals.database).string() << '\n';
  else
    std::cout << (yes ? "removed " : "would free ") << size_text(bytes)
              << (yes ? "" : "; gc --yes removes these") << '\n';
}

}  // namespace

void add_gc(CLI::App& app, Globals& globals) {
  struct Options {
    bool yes = false, dry = false, json = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "gc", "Files beside the database that it does not name, and its own free pages: lists or removes them");
  auto* yes = command->add_flag("-y,--yes", options->yes, "Remove them; not while a run holds the database");
  command->add_flag("--dry-run", options->dry, "Only list them, which is what it does without --yes")
      ->excludes(yes);
  command->add_flag("--json", options->json, "A list of objects");
  command->footer(
      "Looks at <database>.runs/EXPERIMENT/TRIAL/attempt-N: folders of attempts that are not in the "
      "database,\n"
      "and, where the attempt has ended, files whose content no artifact has. trial.json and output.log "
      "stay.\n"
      "Of array jobs it takes such files of attempts that have a result, and whole jobs that have ended and "
      "whose\n"
      "experiment was removed; the rest may be in shards that are still to be taken over.\n"
      "A tenth of the database or more in pages of removed rows is given back to the disk.");
  command->callback([options, &globals] { gc(options->yes, options->json, globals); });
}

}  // namespace saddle::cli
