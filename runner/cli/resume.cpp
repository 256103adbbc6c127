#include <iostream>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <cli/execute.hpp>
#include <cli/pinned.hpp>
#include <cli/stored_plan.hpp>
#include <cli/submissions.hpp>
#include <cli/submit.hpp>
#include <common/error.hpp>
#include <common/paths.hpp>

namespace saddle::cli {
namespace {

struct Arguments {
  std::string experiment;
  ExecuteOptions execute;
  bool slurm = false;
  SubmitOptions submit;
};

// No option is taken that would do nothing.
void check(const Arguments& arguments) {
  const SubmitOptions& submit = arguments.submit;
  const ExecuteOptions& execute = arguments.execute;
  if (!arguments.slurm &&
      (submit.pack > 0 || submit.dry_run || !submit.folder.empty() || !submit.slurm.empty()))
    throw Error("resume: --pack, --folder, --dry-run and options for sbatch need --slurm");
  if (arguments.slurm && (execute.jobs > 0 || execute.restart || execute.cold || execute.rerun_changed))
    throw Error("resume --slurm: --jobs, --restart, --cold and --rerun-changed are for trials that run here");
}

void resume(const Arguments& arguments, Globals& globals) {
  check(arguments);
  if (!std::filesystem::exists(globals.database))
    throw Error("there is no database " + globals.database.string() +
                ", so there is nothing to resume. Start with: saddle run FILE; or name it with --db.");
  schedule::Interrupts interrupts;
  db::Store store(globals.database, open_options(arguments.execute));
  const auto found =
      arguments.experiment.empty() ? store.latest_experiment() : store.find_experiment(arguments.experiment);
  if (!found)
    throw Error(
        (arguments.experiment.empty() ? "no experiment" : "no experiment \"" + arguments.experiment + "\"") +
        " in " + globals.database.string() + ". Known: saddle ls; a new one: saddle run FILE");
  const std::size_t planned = store.trials(found->id).size();
  if (planned == 0)
    throw Error("experiment \"" + found->name +
                "\" was cut off before its plan was stored, so there is nothing to resume. Start it again: "
                "saddle run " +
                found->file);
  std::cout << found->name << ": " << planned << " trials\n";
  Rules rules = rules_of(globals.database, found->id);
  rules.pins_required = rules.pins_required || arguments.execute.require_pins;
  if (arguments.execute.no_prune) rules.prune.reset();
  const Catalogue catalogue = catalogue_for(rules, globals);
  if (arguments.slurm)
    return submit({found->id, found->name, rules}, store, catalogue, arguments.submit, arguments.execute,
                  globals);
  {
    db::Reader reader(globals.database);
    if (const auto given = submissions(reader, found->id); !given.empty() && !given.back().job.empty())
      std::cerr << "note: Slurm was given trials of this experiment (job " << given.back().job
                << "); one that a task runs now is run twice. resume --slurm takes over what is done there\n";
  }
  execute({found->id, found->name, rules}, store, catalogue, interrupts, arguments.execute, globals);
}

}  // namespace

void add_resume(CLI::App& app, Globals& globals) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "resume", "Finish an experiment: its stored plan minus what is done, going on from checkpoints");
  command->add_option("experiment", arguments->experiment, "Name or number [the one that was run last]")
      ->type_name("EXPERIMENT");
  command->add_flag("--slurm", arguments->slurm,
                    "Take over the shards of array jobs, and submit what no task has or had");
  command
      ->add_option("options", arguments->submit.slurm,
                   "With --slurm: options for sbatch, after -- [as last time]")
      ->type_name("-- OPTIONS");
  add_submit_options(*command, arguments->submit);
  add_execute_options(*command, arguments->execute);
  command->callback([arguments, &globals] { resume(*arguments, globals); });
}

}  // namespace saddle::cli
