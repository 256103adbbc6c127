#pragma once
#include <cstddef>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

// Slurm by its commands: sbatch and squeue.
namespace saddle::schedule {

struct ArrayJob {
  std::string name;                   // of the experiment
  std::filesystem::path folder;       // with plan.json; logs go below it
  std::filesystem::path program;      // saddle
  std::size_t trials = 0, tasks = 0;  // tasks of the array
  int threads = 1;                    // cores of a task
  bool gpu = false;
  std::vector<std::pair<std::string, std::string>> environment;  // what the tasks need of ours
};

// The script for sbatch. Each task becomes the worker pool of its slice, so a signal that Slurm sends before
// the end of the time reaches that.
std::string batch_script(const ArrayJob& job);

// The number of the job. Throws Error (kEnvironment) when there is no sbatch, or with its own words when it
// refuses.
std::string submit_batch(const std::filesystem::path& script, const std::vector<std::string>& options);

// Tasks of an array that wait or run, by their numbers; none: Slurm does not know the job any more. Throws
// Error (kEnvironment) when it cannot be asked.
struct QueuedTasks {
  std::set<std::size_t> waiting, running;
  bool contains(std::size_t task) const { return waiting.contains(task) || running.contains(task); }
};
QueuedTasks queued_tasks(const std::string& job);

// What one line of squeue -o "%K %T" means; arrays that wait may be listed as "3-8%2" or "2,5-7".
void read_queue_line(const std::string& line, QueuedTasks& into);

}  // namespace saddle::schedule
