#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <cli/execute.hpp>
#include <cli/pinned.hpp>
#include <cli/stored_plan.hpp>
#include <grid/choice.hpp>
#include <grid/plan.hpp>

namespace saddle::cli {
namespace {

struct Arguments {
  std::string file;
  std::vector<std::string> sets;
  bool yes = false;
  ExecuteOptions execute;
};

void run(const Arguments& arguments, Globals& globals) {
  auto [catalogue, plan] =
      load_pinned(arguments.file, arguments.sets, arguments.yes ? kMostTrials : kUsualTrials,
                  arguments.execute.require_pins, globals);
  if (arguments.execute.no_prune) plan.rules.prune.reset();
  // Nothing is stored for a choice of nothing.
  const std::size_t chosen =
      chosen_trials(plan, Choice(arguments.execute.only, arguments.execute.where)).size();
  prove(plan, catalogue);
  for (const std::string& notice : plan.notices) std::cerr << "note: " << notice << '\n';
  std::cout << plan.name << ": " << plan.arithmetic;
  if (chosen < plan.trials.size()) std::cout << ", of which " << chosen << " are chosen";
  std::cout << '\n';

  schedule::Interrupts interrupts;
  db::Store store(globals.database, open_options(arguments.execute));
  const std::int64_t id = store_plan(store, plan);
  execute({id, plan.name, plan.rules}, store, catalogue, interrupts, arguments.execute, globals);
}

}  // namespace

void add_run(CLI::App& app, Globals& globals) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("run", "Run a grid file: all its trials that have no result yet");
  add_grid_options(*command, arguments->file, arguments->sets)->required();
  command->add_flag("--yes", arguments->yes, "Plan more than 10,000 trials");
  add_execute_options(*command, arguments->execute);
  command->callback([arguments, &globals] { run(*arguments, globals); });
}

}  // namespace saddle::cli
