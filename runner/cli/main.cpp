#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <common/error.hpp>
#include <common/nearest.hpp>
#include <db/error.hpp>

namespace saddle::cli {
namespace {

constexpr const char* kWelcome =
    R"(Saddle runs grids of GAN experiments: one JSON file in, one SQLite file of results out.

  saddle run experiments/quickstart.json   train a small grid, about 3 minutes
  saddle plan FILE                         what a grid would run, without running it
  saddle ls                                what is in the database
  saddle plugins ls                        models, losses, data sets and metrics at hand
  saddle doctor                            is everything there that a run needs

All commands: saddle --help. One command: saddle COMMAND --help.
)";

void register_commands(CLI::App& app, Globals& globals) {
  // In the order in which --help lists them.
  add_run(app, globals);
  add_plan(app, globals);
  add_resume(app, globals);
  add_status(app, globals);
  add_cancel(app, globals);
  add_ls(app, globals);
  add_show(app, globals);
  add_best(app, globals);
  add_compare(app, globals);
  add_pivot(app, globals);
  add_importance(app, globals);
  add_curve(app, globals);
  add_sql(app, globals);
  add_queries(app, globals);
  add_export(app, globals);
  add_report(app, globals);
  add_rm(app, globals);
  add_gc(app, globals);
  add_backup(app, globals);
  add_verify(app, globals);
  add_plugins(app, globals);
  add_probe(app, globals);
  add_eval(app, globals);
  add_sample(app, globals);
  add_submit(app, globals);
  add_merge(app, globals);
  add_worker_pool(app, globals);
  add_doctor(app, globals);
}

int exit_code_of(db::ErrorKind kind) { return kind == db::ErrorKind::usage ? kBadInput : kEnvironment; }

// CLI11 calls a misspelled command an unexpected argument: say what was meant.
std::string unknown_command(const CLI::App& app, int argc, char** argv) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--db" || word == "--plugins") {
      ++i;
      continue;
    }
    if (word.empty() || word[0] == '-') continue;
    for (const std::string& name : names)
      if (word == name) return "";
    return "no command \"" + word + "\". " + suggestion(word, names, 20);
  }
  return "";
}

int run(int argc, char** argv) {
  Globals globals;
  CLI::App app("Grids of GAN experiments.", "saddle");
  app.set_version_flag("--version", "saddle " SADDLE_VERSION);
  app.set_help_all_flag("--help-all", "Help of every command");
  app.fallthrough();  // inherited: --db may stand before or after the command
  app.require_subcommand(0, 1);
  globals.database = "saddle.db";
  app.add_option("--db", globals.database, "Database [saddle.db, or $SADDLE_DB]")->envname("SADDLE_DB");
  app.add_option(
         "--plugins", globals.plugin_folders,
         "Folder of plugins, searched before $SADDLE_PLUGIN_PATH and the bundled ones; may be repeated")
      ->allow_extra_args(false);
  app.footer(
      "Exit codes: 0 done; 1 finished, but a trial failed or a check said no; 2 wrong usage or input;\n"
      "3 the machine is in the way (database locked or newer, disk full, no worker); 130 interrupted.");
  register_commands(app, globals);

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {
    return app.exit(e);  // --help, --version
  } catch (const CLI::ParseError& e) {
    std::string message = unknown_command(app, argc, argv);
    if (message.empty()) {
      const auto commands = app.get_subcommands();
      message = std::string(e.what()) + ". Usage: saddle " +
                (commands.empty() ? "" : commands.front()->get_name() + " ") + "--help";
    }
    std::cerr << "saddle: " << message << '\n';
    return kBadInput;
  }
  if (app.get_subcommands().empty()) std::cout << kWelcome;
  return globals.exit_code;
}

}  // namespace
}  // namespace saddle::cli

// Whatever went wrong is one clear message and an exit code, never a stack trace.
int main(int argc, char** argv) {
  using namespace saddle;
  try {
    const int code = cli::run(argc, argv);
    std::cout.flush();
    if (!std::cout) throw Error("cannot write to standard output", kEnvironment);
    return code;
  } catch (const Error& e) {
    std::cerr << "saddle: " << e.what() << '\n';
    return e.exit_code;
  } catch (const db::Error& e) {
    std::cerr << "saddle: " << e.what() << '\n';
    return cli::exit_code_of(e.kind());
  } catch (const std::bad_alloc&) {
    std::cerr << "saddle: out of memory\n";
    return kEnvironment;
  } catch (const std::exception& e) {
    std::cerr << "saddle: unexpected: " << e.what() << ". This is a defect of saddle, please report it.\n";
    return kEnvironment;
  }
}
