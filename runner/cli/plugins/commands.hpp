#pragma once

namespace CLI {
class App;
}

// The subcommands of `saddle plugins`, one file each.
namespace saddle::cli {

struct Globals;

void add_plugins_ls(CLI::App& plugins, Globals& globals);
void add_plugins_show(CLI::App& plugins, Globals& globals);
void add_plugins_new(CLI::App& plugins, Globals& globals);
void add_plugins_build(CLI::App& plugins, Globals& globals);
void add_plugins_pins(CLI::App& plugins, Globals& globals);
void add_plugins_check(CLI::App& plugins, Globals& globals);

}  // namespace saddle::cli
