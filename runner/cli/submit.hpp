#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include <cli/execute.hpp>

namespace CLI {
class App;
}

namespace saddle::cli {

// What `submit` and `resume --slurm` let the user choose.
struct SubmitOptions {
  int pack = 0;                    // --pack: trials of one task; 0: as last time, 1
  std::filesystem::path folder;    // --folder: where plans and shards go; empty: <database>.slurm
  bool dry_run = false;            // --dry-run
  std::vector<std::string> slurm;  // what follows "--": for sbatch; empty: as last time
};
void add_submit_options(CLI::App& command, SubmitOptions& options);

// Takes over the shards that are there, and gives Slurm an array job of the trials that have no result and
// are in no task that waits or runs. Closes the store.
void submit(const Experiment& experiment, db::Store& store, const Catalogue& catalogue,
            const SubmitOptions& options, const ExecuteOptions& execute, Globals& globals);

}  // namespace saddle::cli
