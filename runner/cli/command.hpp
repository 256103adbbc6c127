#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace CLI {
class App;
}

// What every command shares. Each command registers itself with one function,
// does its work in the CLI11 callback, throws saddle::Error on failure, and
// sets exit_code when it finished but the answer is negative.
namespace saddle::cli {

struct Globals {
  std::filesystem::path database;                     // --db, SADDLE_DB, or ./saddle.db
  std::vector<std::filesystem::path> plugin_folders;  // --plugins, in the order given
  int exit_code = 0;
};

void add_plan(CLI::App& app, Globals& globals);
void add_plugins(CLI::App& app, Globals& globals);
void add_run(CLI::App& app, Globals& globals);
void add_resume(CLI::App& app, Globals& globals);
void add_submit(CLI::App& app, Globals& globals);
void add_worker_pool(CLI::App& app, Globals& globals);
void add_merge(CLI::App& app, Globals& globals);
void add_status(CLI::App& app, Globals& globals);
void add_cancel(CLI::App& app, Globals& globals);
void add_doctor(CLI::App& app, Globals& globals);
void add_ls(CLI::App& app, Globals& globals);
void add_show(CLI::App& app, Globals& globals);
void add_best(CLI::App& app, Globals& globals);
void add_compare(CLI::App& app, Globals& globals);
void add_curve(CLI::App& app, Globals& globals);
void add_pivot(CLI::App& app, Globals& globals);
void add_importance(CLI::App& app, Globals& globals);
void add_sql(CLI::App& app, Globals& globals);
void add_queries(CLI::App& app, Globals& globals);
void add_export(CLI::App& app, Globals& globals);
void add_report(CLI::App& app, Globals& globals);
void add_rm(CLI::App& app, Globals& globals);
void add_gc(CLI::App& app, Globals& globals);
void add_backup(CLI::App& app, Globals& globals);
void add_verify(CLI::App& app, Globals& globals);
void add_probe(CLI::App& app, Globals& globals);
void add_eval(CLI::App& app, Globals& globals);
void add_sample(CLI::App& app, Globals& globals);

}  // namespace saddle::cli
