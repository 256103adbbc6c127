#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <db/store.hpp>
#include <grid/catalogue.hpp>
#include <grid/choice.hpp>
#include <grid/plan.hpp>

#include <cli/command.hpp>
#include <schedule/interrupts.hpp>
#include <schedule/observer.hpp>

namespace saddle::cli {

// What `run` and `resume` let the user choose, both in the same words.
struct ExecuteOptions {
  int jobs = 0;                          // --jobs; 0: as many as the cores allow
  bool restart = false;                  // --restart: from the beginning, not from checkpoints
  bool cold = false;                     // --cold: no fork server
  bool require_pins = false;             // --require-pins: only pinned plugins
  bool wait = false;                     // --wait: for another saddle that writes this database
  bool no_prune = false;                 // --no-prune: prune nothing, finish what was pruned
  bool rerun_changed = false;            // --rerun-changed: results of other binaries are made anew
  std::vector<std::string> first;        // --first: conditions of the trials that come first
  std::vector<std::string> only, where;  // --only, --where: run these trials only
};
void add_execute_options(CLI::App& command, ExecuteOptions& options);
// --only and --where.
void add_choice_options(CLI::App& command, std::vector<std::string>& only, std::vector<std::string>& where);

// Opens the database for writing; remarks go to stderr. Make the Interrupts
// before: the store's writer thread must have them blocked.
db::OpenOptions open_options(const ExecuteOptions& options);

// An experiment in the store, ready to be run.
struct Experiment {
  std::int64_t id = 0;
  std::string name;
  Rules rules;
};

// Of `trials`, those that --only and --where choose.
std::vector<db::TrialInfo> chosen(const std::vector<db::TrialInfo>& trials, const Choice& choice);
// What to run, in the order in which to run it: --first before all else, then so
// that something is known of every swept value early.
std::vector<db::TrialInfo> queue_of(const std::vector<db::TrialInfo>& all,
                                    const std::vector<db::TrialInfo>& todo,
                                    const std::vector<std::string>& first);
// With the components at hand, their pins held against their files.
std::vector<schedule::Job> make_jobs(const std::vector<db::TrialInfo>& trials, const Experiment& experiment,
                                     const Catalogue& catalogue, bool restart);
// The GPUs that the worker sees; none when no trial asks for one.
std::vector<std::string> gpus_for(const std::vector<schedule::Job>& jobs,
                                  const std::filesystem::path& worker);

// Runs the trials of an experiment that have no result yet, shows progress, and
// ends with the ranked table and what to do next. Sets globals.exit_code.
// Throws Error when a trial's components are gone or are of another version.
void execute(const Experiment& experiment, db::Store& store, const Catalogue& catalogue,
             schedule::Interrupts& interrupts, const ExecuteOptions& options, Globals& globals);

}  // namespace saddle::cli
