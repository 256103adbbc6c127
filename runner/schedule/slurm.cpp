#include <schedule/slurm.hpp>

#include <unistd.h>

#include <cstdlib>
#include <sstream>

#include <common/error.hpp>
#include <common/process.hpp>

namespace saddle::schedule {
namespace {

namespace fs = std::filesystem;

constexpr double kAnswer_s = 60;  // sbatch tries for a while to reach its controller
constexpr std::size_t kUsualLongest =
    1000;  // highest number of a task in an array, unless the site changed it

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// In names of log files Slurm replaces what follows a percent sign.
std::string pattern(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '%' ? std::string("%%") : std::string(1, c);
  return out;
}

// The first of `names`' directories in PATH that has such a program; empty: none.
fs::path program_in_path(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const fs::path file = fs::path(folder.empty() ? "." : folder) / name;
    if (::access(file.c_str(), X_OK) == 0) return file;
  }
  return {};
}

fs::path command(const std::string& name) {
  const fs::path found = program_in_path(name);
  if (found.empty())
    throw Error(
        "there is no " + name +
            " in PATH, so Slurm cannot be asked from this machine. Call saddle where Slurm's commands are; "
            "submit --dry-run shows the script without them",
        kEnvironment);
  return found;
}

// What a command of Slurm wrote to stderr, as a part of one sentence.
std::string in_one_line(const std::string& text) {
  std::string line;
  std::istringstream lines(text);
  for (std::string one; std::getline(lines, one);) {
    for (const char* prefix :
         {"sbatch: error: ", "squeue: error: ", "sbatch: ", "squeue: ", "slurm_load_jobs error: "})
      if (one.rfind(prefix, 0) == 0) one.erase(0, std::string(prefix).size());
    if (!one.empty()) line += (line.empty() ? "" : "; ") + one;
  }
  return line.empty() ? "it did not say why" : line;
}

}  // namespace

std::string batch_script(const ArrayJob& job) {
  std::string name = "saddle-";
  for (const char c : job.name) name += std::isalnum(static_cast<unsigned char>(c)) ? c : '-';
  std::ostringstream text;
  text << "#!/bin/bash\n"
       << "# Written by saddle submit: " << job.trials << (job.trials == 1 ? " trial" : " trials") << " of \""
       << job.name << "\" in " << job.tasks << (job.tasks == 1 ? " task" : " tasks") << ".\n"
       << "#SBATCH --job-name=" << name << "\n"
       << "#SBATCH --array=1-" << job.tasks << "\n"
       << "#SBATCH --output=\"" << pattern((job.folder / "logs").string()) << "/%a.log\"\n"
       << "#SBATCH --open-mode=append\n"
       << "#SBATCH --ntasks=1\n"
       << "#SBATCH --cpus-per-task=" << job.threads << "\n";
  if (job.gpu) text << "#SBATCH --gres=gpu:1\n";
  text << "#SBATCH --requeue\n"
       << "# Told a minute or two before the end of its time, it stops at the next round and keeps a "
          "checkpoint.\n"
       << "#SBATCH --signal=B:TERM@60\n";
  for (const auto& [variable, value] : job.environment)
    text << "export " << variable << "=" << quoted(value) << "\n";
  text << "exec " << quoted(job.program.string()) << " worker-pool --plan "
       << quoted((job.folder / "plan.json").string()) << " --slice \"$SLURM_ARRAY_TASK_ID/" << job.tasks
       << "\"\n";
  return text.str();
}

std::string submit_batch(const fs::path& script, const std::vector<std::string>& options) {
  std::vector<std::string> argv = {command("sbatch").string(), "--parsable"};
  argv.insert(argv.end(), options.begin(), options.end());
  argv.push_back(script.string());
  const ChildResult result = run_child(argv, "", kAnswer_s);
  if (!result.ok()) {
    std::string why = result.exit_code >= 0 && result.signal == 0 && !result.timed_out
                          ? in_one_line(result.err)
                          : result.failure();
    if (why.find("Invalid job array specification") != std::string::npos)
      why += " (Slurm's usual limit is " + std::to_string(kUsualLongest) +
             " tasks an array: put several trials into one with --pack)";
    throw Error("sbatch refused the job: " + why, kEnvironment);
  }
  // "1234", or "1234;cluster".
  const std::string job = result.out.substr(0, result.out.find_first_of(";\n"));
  if (job.empty() || job.find_first_not_of("0123456789") != std::string::npos)
    throw Error("sbatch gave no number of a job, but: " + in_one_line(result.out), kEnvironment);
  return job;
}

void read_queue_line(const std::string& line, QueuedTasks& into) {
  std::istringstream words(line);
  std::string tasks, state;
  if (!(words >> tasks >> state)) return;
  auto& set =
      state == "PENDING" || state == "REQUEUED" || state == "REQUEUE_HOLD" ? into.waiting : into.running;
  std::istringstream ranges(tasks.substr(0, tasks.find('%')));
  for (std::string range; std::getline(ranges, range, ',');) {
    std::size_t first = 0, last = 0;
    char dash = 0;
    std::istringstream numbers(range);
    if (!(numbers >> first)) continue;
    last = numbers >> dash >> last && dash == '-' ? last : first;
    for (std::size_t task = first; task <= last; ++task) set.insert(task);
  }
}

QueuedTasks queued_tasks(const std::string& job) {
  const ChildResult result =
      run_child({command("squeue").string(), "--noheader", "--array", "--jobs=" + job, "--format=%K %T"}, "",
                kAnswer_s);
  QueuedTasks tasks;
  if (!result.ok()) {
    if (result.err.find("Invalid job id") != std::string::npos)
      return tasks;  // forgotten some minutes after its end
    throw Error("squeue does not say which tasks of job " + job +
                    " are left: " + (result.exit_code > 0 ? in_one_line(result.err) : result.failure()),
                kEnvironment);
  }
  std::istringstream lines(result.out);
  for (std::string line; std::getline(lines, line);) read_queue_line(line, tasks);
  return tasks;
}

}  // namespace saddle::schedule
