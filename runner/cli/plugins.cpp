#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <cli/plugins/commands.hpp>

namespace saddle::cli {

void add_plugins(CLI::App& app, Globals& globals) {
  CLI::App* command =
      app.add_subcommand("plugins", "Models, losses, data sets, metrics and transforms at hand");
  command->require_subcommand(1);
  add_plugins_ls(*command, globals);
  add_plugins_show(*command, globals);
  add_plugins_new(*command, globals);
  add_plugins_build(*command, globals);
  add_plugins_pins(*command, globals);
  add_plugins_check(*command, globals);
}

}  // namespace saddle::cli
