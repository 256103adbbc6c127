#include <cli/submit.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include <CLI/CLI.hpp>

#include <cli/closing.hpp>
#include <cli/merging.hpp>
#include <cli/pinned.hpp>
#include <cli/select.hpp>
#include <cli/stored_plan.hpp>
#include <cli/submissions.hpp>
#include <common/error.hpp>
#include <common/paths.hpp>
#include <db/reader.hpp>
#include <db/snapshot.hpp>
#include <grid/choice.hpp>
#include <schedule/pool_plan.hpp>
#include <schedule/slurm.hpp>

namespace saddle::cli {
namespace {

namespace fs = std::filesystem;
using schedule::PoolPlan;

struct Arguments {
  std::string file;
  std::vector<std::string> sets;
  bool yes = false, slurm = false;
  ExecuteOptions execute;
  SubmitOptions submit;
};

// <folder>/<experiment>-<n>, with the lowest n that is free.
fs::path new_folder(const fs::path& parent, const std::string& experiment) {
  std::error_code error;
  fs::create_directories(parent, error);
  for (int n = 1; !error; ++n) {
    fs::path folder = parent / (experiment + "-" + std::to_string(n));
    if (fs::create_directory(folder, error)) return folder;
  }
  throw Error(
      "cannot make a folder in " + parent.string() + ": " + error.message() + ". Name another with --folder",
      kEnvironment);
}

// Array jobs of this database, and which of their trials it still wants from them.
struct Earlier {
  std::vector<Submission> jobs;  // of all experiments: they share trials
  std::vector<std::string> trials;
  std::unordered_map<std::string, std::string> removed;

  explicit Earlier(db::Reader& reader) : jobs(submissions(reader, 0)), removed(removed_trials(reader)) {
    for (const auto& row : reader.query("SELECT trial_hash FROM trials").rows)
      trials.push_back(text_of(row[0]));
  }
  bool wanted(const std::string& hash, const Submission& from) const {
    const auto found = removed.find(hash);
    return found == removed.end() || found->second < from.time;
  }
  std::vector<std::string> wanted_from(const Submission& one) const {
    std::vector<std::string> hashes;
    std::copy_if(trials.begin(), trials.end(), std::back_inserter(hashes),
                 [&](const std::string& hash) { return wanted(hash, one); });
    return hashes;
  }
};

// What is in the shards of earlier submissions.
void take_over(db::Store& store, const Earlier& before) {
  db::MergeCounts sum;
  std::size_t shards = 0;
  for (const Submission& one : before.jobs) {
    const std::vector<std::string> hashes = before.wanted_from(one);
    if (hashes.empty()) continue;
    for (const fs::path& shard : shards_in(one.shards())) {
      try {
        add(sum, store.merge(shard, hashes));
        ++shards;
      } catch (const db::Error& error) {
        if (error.kind() == db::ErrorKind::full) throw;
        std::cerr << "note: left out: " << error.what() << '\n';
      }
    }
  }
  if (shards > 0) std::cout << shards << (shards == 1 ? " shard: " : " shards: ") << said(sum) << std::endl;
}

// Hashes of the trials that are in a task which waits or runs.
std::unordered_set<std::string> in_the_queue(const Earlier& before) {
  std::unordered_set<std::string> hashes;
  for (const Submission& one : before.jobs) {
    if (one.job.empty()) continue;
    const schedule::QueuedTasks queue = schedule::queued_tasks(one.job);
    if (queue.waiting.empty() && queue.running.empty()) continue;
    const PoolPlan plan = PoolPlan::read(one.folder / "plan.json");
    for (std::size_t task = 1; task <= one.tasks; ++task) {
      if (!queue.contains(task)) continue;
      const schedule::Slice slice{task, one.tasks};
      for (std::size_t i = slice.first(plan.trials.size()); i < slice.last(plan.trials.size()); ++i)
        if (before.wanted(plan.trials[i].trial_hash, one)) hashes.insert(plan.trials[i].trial_hash);
    }
  }
  return hashes;
}

PoolPlan plan_of(const db::ExperimentInfo& info, const Rules& rules, const std::vector<db::TrialInfo>& trials,
                 const std::vector<schedule::Job>& jobs, const Catalogue& catalogue) {
  PoolPlan plan;
  plan.experiment = {.name = info.name,
                     .spec_text = info.spec_text,
                     .spec_sha256 = info.spec_sha256,
                     .file = info.file,
                     .git_commit = info.git_commit,
                     .git_dirty = info.git_dirty};
  plan.rules = to_json(rules);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    db::PlannedTrial trial;
    trial.name = trials[i].name;
    trial.ordinal = trials[i].ordinal;
    trial.config_hash = trials[i].config_hash;
    trial.trial_hash = trials[i].trial_hash;
    trial.seed = trials[i].seed;
    trial.config_json = trials[i].config_json;
    plan.trials.push_back(std::move(trial));
    plan.configs.push_back(jobs[i].config);
    for (const auto& [component, file] : jobs[i].plugins.items()) {
      const std::size_t slash = component.find('/');
      const Component* found = catalogue.find(component.substr(0, slash), component.substr(slash + 1));
      plan.plugins[component] = {file.get<std::string>(), "", found->sha256};
    }
  }
  return plan;
}

// What the database knows of trials that were begun: the tasks go on from there.
void write_known(db::Store& store, const std::vector<db::TrialInfo>& trials, const fs::path& target) {
  std::vector<std::string> begun;
  for (const db::TrialInfo& trial : trials)
    if (trial.attempts > 0) begun.push_back(trial.trial_hash);
  if (begun.empty()) return;
  store.flush();
  const fs::path local = store.path().string() + ".known-" + std::to_string(::getpid());
  const auto remove = [&] {
    std::error_code ignored;
    for (const char* suffix : {"", ".lock", "-wal", "-shm"}) fs::remove(local.string() + suffix, ignored);
  };
  remove();
  try {
    db::Store known(local);
    known.merge(store.path(), begun);
    known.close();
    db::snapshot(local, target);
  } catch (...) {
    remove();
    throw;
  }
  remove();
}

schedule::ArrayJob array_job(const std::string& name, const fs::path& folder,
                             const std::vector<schedule::Job>& jobs, int pack) {
  schedule::ArrayJob job;
  job.name = name;
  job.folder = folder;
  job.program = program_folder() / "saddle";
  job.trials = jobs.size();
  job.tasks = (jobs.size() + static_cast<std::size_t>(pack) - 1) / static_cast<std::size_t>(pack);
  for (const schedule::Job& one : jobs) {
    job.threads = std::max(job.threads, one.threads);
    job.gpu = job.gpu || one.cuda;
  }
  // sbatch --export=NONE leaves the rest behind.
  for (const char* variable : {"SADDLE_DATA", "SADDLE_WORKER"})
    if (const char* value = std::getenv(variable)) job.environment.emplace_back(variable, value);
  return job;
}

void print_script(const schedule::ArrayJob& job, const std::vector<std::string>& options) {
  std::cout << schedule::batch_script(job);
  std::string text;
  for (const std::string& option : options) text += option + " ";
  std::cerr << "would be submitted by: sbatch --parsable " << text << (job.folder / "job.sh").string()
            << '\n';
}

}  // namespace

void add_submit_options(CLI::App& command, SubmitOptions& options) {
  command.add_option("--pack", options.pack, "Trials of one task, as many at a time as its cores allow [1]")
      ->check(CLI::Range(1, 1'000'000));
  command
      .add_option("--folder", options.folder,
                  "Where plans, shards and logs go; every node must see it [beside the database]")
      ->type_name("FOLDER");
  command.add_flag("--dry-run", options.dry_run, "Print the script for sbatch; submit and write nothing");
}

void submit(const Experiment& experiment, db::Store& store, const Catalogue& catalogue,
            const SubmitOptions& options, const ExecuteOptions& execute, Globals& globals) {
  std::vector<Submission> before;
  std::optional<Earlier> everyone;
  {
    db::Reader reader(store.path());
    before = submissions(reader, experiment.id);
    everyone.emplace(reader);
  }
  if (!options.dry_run) take_over(store, *everyone);
  const auto all = store.trials(experiment.id);
  const Choice choice(execute.only, execute.where);
  auto todo = chosen(store.trials_to_run(experiment.id), choice);
  const auto queued = in_the_queue(*everyone);
  const auto left = std::erase_if(todo, [&](const auto& trial) { return queued.contains(trial.trial_hash); });
  const auto done =
      std::count_if(all.begin(), all.end(), [](const auto& t) { return t.state == db::TrialState::done; });
  std::ostream& out = options.dry_run ? std::cerr : std::cout;  // then only the script goes there
  out << done << " of " << all.size() << " trials done";
  if (left > 0) out << ", " << left << " in tasks that wait or run";
  out << ", " << todo.size() << " to submit" << std::endl;
  if (todo.empty()) return store.close();
  if (experiment.rules.prune)
    std::cerr << "note: nothing is pruned: tasks of an array do not see each other's trials\n";

  const auto queue = queue_of(all, todo, execute.first);
  const auto jobs = make_jobs(queue, experiment, catalogue, false);
  Submission submission;
  submission.pack = options.pack > 0 ? options.pack : before.empty() ? 1 : before.back().pack;
  submission.options = !options.slurm.empty() || before.empty() ? options.slurm : before.back().options;
  submission.trials = jobs.size();
  const fs::path parent = options.folder.empty() ? slurm_folder(store.path()) : fs::absolute(options.folder);
  submission.folder = parent.lexically_normal() / (experiment.name + "-N");
  if (options.dry_run)
    return print_script(array_job(experiment.name, submission.folder, jobs, submission.pack),
                        submission.options);
  submission.folder = new_folder(parent.lexically_normal(), experiment.name);
  const schedule::ArrayJob job = array_job(experiment.name, submission.folder, jobs, submission.pack);
  submission.tasks = job.tasks;
  const fs::path script = submission.folder / "job.sh";
  try {
    Rules rules = experiment.rules;
    rules.prune.reset();
    plan_of(*store.find_experiment(std::to_string(experiment.id)), rules, queue, jobs, catalogue)
        .write(submission.folder / "plan.json");
    write_known(store, queue, submission.folder / "known.db");
    for (const char* name : {"shards", "logs"}) fs::create_directory(submission.folder / name);
    if (!replace_file(script, schedule::batch_script(job)))
      throw Error("cannot write " + script.string() + ": is the disk full?", kEnvironment);
    // Who is killed between sbatch and its answer finds the shards all the same.
    note_submission(store, experiment.id, submission);
    submission.job = schedule::submit_batch(script, submission.options);
    replace_file(submission.job_file(), submission.job + "\n");  // for gc; without it the folder stays
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(submission.folder, ignored);
    throw;
  }
  note_submission(store, experiment.id, submission);
  store.close();
  std::cout << "Slurm job " << submission.job << ": " << submission.trials
            << (submission.trials == 1 ? " trial in " : " trials in ") << submission.tasks
            << (submission.tasks == 1 ? " task" : " tasks") << "\n\nplan, shards, logs  "
            << submission.folder.string() << "\nhow it goes         " << command_line(globals) << " status"
            << "\nresults so far      " << command_line(globals) << " resume --slurm " << experiment.name
            << '\n';
}

namespace {

// What submit would write, from the grid and the database as they are.
void show_script(const Plan& plan, const Arguments& arguments, const Globals& globals) {
  std::unordered_set<std::string> done;
  std::error_code error;
  if (fs::exists(globals.database, error)) {
    db::Reader reader(globals.database);
    for (const auto& row : reader.query("SELECT trial_hash FROM trials WHERE state = 'done'").rows)
      done.insert(std::get<std::string>(row[0]));
  }
  std::vector<schedule::Job> jobs;
  const Choice choice(arguments.execute.only, arguments.execute.where);
  for (const PlannedTrial& trial : chosen_trials(plan, choice)) {
    if (done.contains(trial.trial_hash)) continue;
    schedule::Job job;
    const Json config = trial.config->resolved();
    const int threads = plan.rules.resources.threads;
    job.threads = threads > 0 ? threads : config.at("train").at("threads").get<int>();
    job.cuda = config.at("train").at("device") == "cuda";
    jobs.push_back(std::move(job));
  }
  if (jobs.empty()) throw Error("all trials of " + plan.name + " are done: there is nothing to submit");
  const fs::path parent = arguments.submit.folder.empty() ? slurm_folder(globals.database)
                                                          : fs::absolute(arguments.submit.folder);
  const fs::path folder = parent.lexically_normal() / (plan.name + "-N");
  print_script(array_job(plan.name, folder, jobs, std::max(1, arguments.submit.pack)),
               arguments.submit.slurm);
}

void submit_grid(const Arguments& arguments, Globals& globals) {
  if (!arguments.slurm) throw Error("submit where to? saddle submit FILE --slurm (there is no other yet)");
  auto [catalogue, plan] =
      load_pinned(arguments.file, arguments.sets, arguments.yes ? kMostTrials : kUsualTrials,
                  arguments.execute.require_pins, globals);
  chosen_trials(plan, Choice(arguments.execute.only,
                             arguments.execute.where));  // nothing is stored for a choice of nothing
  prove(plan, catalogue);
  for (const std::string& notice : plan.notices) std::cerr << "note: " << notice << '\n';
  if (arguments.submit.dry_run) return show_script(plan, arguments, globals);
  std::cout << plan.name << ": " << plan.arithmetic << '\n';
  db::Store store(globals.database, open_options(arguments.execute));
  const std::int64_t id = store_plan(store, plan);
  submit({id, plan.name, plan.rules}, store, catalogue, arguments.submit, arguments.execute, globals);
}

}  // namespace

void add_submit(CLI::App& app, Globals& globals) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("submit", "Give the trials of a grid that have no result yet to Slurm");
  add_grid_options(*command, arguments->file, arguments->sets)->required();
  command->add_option("options", arguments->submit.slurm, "Options for sbatch, after --")
      ->type_name("-- OPTIONS");
  command->add_flag("--slurm", arguments->slurm, "As an array job of Slurm");
  add_submit_options(*command, arguments->submit);
  command->add_flag("--yes", arguments->yes, "Plan more than 10,000 trials");
  command
      ->add_option("--first", arguments->execute.first,
                   "Put trials of which this is true into the first tasks; may be repeated")
      ->allow_extra_args(false)
      ->type_name("CONDITION");
  command->add_flag("--require-pins", arguments->execute.require_pins,
                    "Open and use no plugin that the grid does not pin by its SHA-256");
  command->add_flag("--wait", arguments->execute.wait, "Wait while another saddle writes this database");
  add_choice_options(*command, arguments->execute.only, arguments->execute.where);
  command->callback([arguments, &globals] { submit_grid(*arguments, globals); });
}

}  // namespace saddle::cli
