#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <random>
#include <unordered_map>

#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <cli/execute.hpp>
#include <cli/progress.hpp>
#include <cli/select.hpp>
#include <common/error.hpp>
#include <common/paths.hpp>
#include <db/holder.hpp>
#include <db/lock.hpp>
#include <db/reader.hpp>
#include <grid/rules.hpp>
#include <schedule/pool_plan.hpp>
#include <schedule/pool_publisher.hpp>
#include <schedule/scheduler.hpp>

// saddle worker-pool: a part of a plan, on a machine that does not see the database. Writes one of its own on
// a local disk, and copies of that, the shard, into the shared folder. Files of attempts are there from the
// start, since checkpoints must outlive the machine.
namespace saddle::cli {
namespace {

namespace fs = std::filesystem;
using schedule::PoolPlan;
using schedule::Slice;

struct Arguments {
  fs::path plan, shards, scratch;
  std::string slice;
  int jobs = 0;
};

std::string random_name() {
  std::random_device device;
  char text[16];
  std::snprintf(text, sizeof(text), "%08x", static_cast<unsigned>(device()));
  return text;
}

fs::path scratch_folder(const Arguments& arguments) {
  if (!arguments.scratch.empty()) return arguments.scratch;
  const char* chosen = std::getenv("TMPDIR");
  return chosen != nullptr && *chosen != '\0' ? fs::path(chosen) : fs::path("/tmp");
}

// Cores that the batch system gave to this task; 0: it said nothing.
int cores_given() {
  for (const char* name : {"SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"})
    if (const char* value = std::getenv(name)) return std::max(0, std::atoi(value));
  return 0;
}

// A folder in the scratch folder that ends with this object; only what this user made is looked at again.
class Scratch {
 public:
  Scratch(const fs::path& parent, std::string prefix) : parent_(parent), prefix_(std::move(prefix)) {
    std::error_code error;
    fs::create_directories(parent, error);
    if (const std::string network = db::network_file_system(parent); !network.empty())
      throw Error(parent.string() + ": is on " + network +
                      ", and the database of a task wants a local disk: name one with --scratch or TMPDIR",
                  kEnvironment);
    std::string name = (parent / (prefix_ + "XXXXXX")).string();
    if (::mkdtemp(name.data()) == nullptr)
      throw Error("cannot make a folder in " + parent.string() + ": " + std::strerror(errno) +
                      ". Name another with --scratch",
                  kEnvironment);
    folder_ = name;
  }
  ~Scratch() {
    std::error_code ignored;
    if (!keep_) fs::remove_all(folder_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  fs::path database() const { return folder_ / "shard.db"; }
  void keep() { keep_ = true; }

  // Databases that a killed task of this slice left on this machine.
  std::vector<fs::path> left_behind() const {
    std::vector<fs::path> found;
    std::error_code error;
    for (fs::directory_iterator entry(parent_, error), end; !error && entry != end; entry.increment(error)) {
      struct stat info {};
      if (entry->path() == folder_ || !entry->path().filename().string().starts_with(prefix_) ||
          ::lstat(entry->path().c_str(), &info) != 0 || info.st_uid != ::geteuid() || !S_ISDIR(info.st_mode))
        continue;
      const fs::path database = entry->path() / "shard.db";
      const auto holder = db::holder_of(database);
      if (fs::exists(database, error) && !(holder && holder->alive)) found.push_back(database);
    }
    return found;
  }

 private:
  fs::path parent_, folder_;
  std::string prefix_;
  bool keep_ = false;
};

// Shows what happens, and asks for a copy of the shard when something would be missed: a trial that has
// ended, a checkpoint.
class Watching : public Progress {
 public:
  Watching(const std::string& name, int total, int done, schedule::Publisher& publisher,
           const fs::path& database)
      : Progress(name, total, done, 0), publisher_(publisher), reader_(database) {}

  void on_end(const schedule::Job& job, const db::AttemptEnd& end, double seconds,
              const fs::path& folder) override {
    Progress::on_end(job, end, seconds, folder);
    publisher_.request();
  }
  void on_tick() override {
    Progress::on_tick();
    const auto now = std::chrono::steady_clock::now();
    if (now - looked_ < std::chrono::seconds(1)) return;
    looked_ = now;
    const std::string newest = text_of(
        reader_.query("SELECT max(created) FROM artifacts WHERE kind = 'checkpoint'").rows.at(0).at(0));
    if (newest != std::exchange(newest_, newest)) publisher_.request();
  }

 private:
  schedule::Publisher& publisher_;
  db::Reader reader_;
  std::chrono::steady_clock::time_point looked_{};
  std::string newest_;
};

// What is known of the slice's trials already: from the database at the time of the submission, from tasks
// that ran before, and from one that was killed on this machine.
void take_over(db::Store& store, const std::vector<std::string>& hashes, const fs::path& known,
               const fs::path& shards, const Slice& slice, const Scratch& scratch) {
  const auto merge = [&](const fs::path& file) {
    try {
      store.merge(file, hashes);
      return true;
    } catch (const db::Error& error) {
      if (error.kind() == db::ErrorKind::full) throw;
      std::cerr << "note: left out: " << error.what() << '\n';
      return false;
    }
  };
  std::error_code error;
  if (fs::exists(known, error)) merge(known);
  std::vector<fs::path> files;
  for (fs::directory_iterator entry(shards, error), end; !error && entry != end; entry.increment(error))
    if (entry->path().extension() == ".db" &&
        entry->path().filename().string().starts_with(slice.name() + "."))
      files.push_back(entry->path());
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) merge(file);
  for (const fs::path& database : scratch.left_behind()) {
    try {
      db::Store(database).close();  // what the killed one had in its log
    } catch (const db::Error& e) {
      std::cerr << "note: left out: " << e.what() << '\n';
      continue;
    }
    if (merge(database)) fs::remove_all(database.parent_path(), error);
  }
}

std::vector<schedule::Job> jobs_of(const PoolPlan& plan, std::size_t first, std::size_t last,
                                   const Rules& rules, const std::vector<db::TrialInfo>& todo) {
  std::unordered_map<std::string, const db::TrialInfo*> wanted;
  for (const db::TrialInfo& trial : todo) wanted.emplace(trial.trial_hash, &trial);
  std::vector<schedule::Job> jobs;
  for (std::size_t i = first; i < last; ++i) {
    const auto found = wanted.find(plan.trials[i].trial_hash);
    if (found == wanted.end()) continue;
    schedule::Job job;
    job.trial = found->second->id;
    job.name = plan.trials[i].name;
    job.experiment = plan.experiment.name;
    job.seed = plan.trials[i].seed;
    job.config = plan.configs[i];
    job.plugins = Json::object();
    job.pins = Json::object();
    job.taken_from = Json::object();
    const auto use = [&](const std::string& kind, const Json& entry) {
      const std::string component = kind + "/" + entry.at("use").get<std::string>();
      const schedule::PoolPlugin& plugin = plan.plugins.at(component);
      job.plugins[component] = plugin.file.string();
      job.taken_from[plugin.file.string()] = plugin.original;
      const auto pin = rules.pins.find(component);
      if (pin != rules.pins.end()) job.pins[component] = pin->second;
    };
    use("dataset", job.config.at("dataset"));
    for (const Json& model : job.config.at("models")) use("model", model);
    for (const Json& loss : job.config.at("losses")) use("loss", loss);
    for (const Json& metric : job.config.at("metrics")) use("metric", metric);
    for (const Json& transform : job.config.at("train").at("augment")) use("transform", transform);
    job.rounds = job.config.at("train").at("rounds").get<std::int64_t>();
    job.train_threads = job.config.at("train").at("threads").get<int>();
    job.threads = rules.resources.threads > 0 ? rules.resources.threads : job.train_threads;
    job.gpu_share = rules.resources.gpu;
    job.cuda = job.config.at("train").at("device") == "cuda";
    jobs.push_back(std::move(job));
  }
  return jobs;
}

schedule::Options schedule_options(const Rules& rules, const std::vector<schedule::Job>& jobs, int asked) {
  schedule::Options options;
  options.worker = worker_path();
  options.jobs = asked;
  if (const int cores = cores_given(); asked == 0 && cores > 0) {
    int threads = 1;
    for (const schedule::Job& job : jobs) threads = std::max(threads, job.threads);
    options.jobs = std::max(1, cores / threads);
  }
  options.time_limit_s = rules.limits.time_s;
  options.data_limit_bytes = static_cast<std::uint64_t>(rules.limits.memory_mb) << 20;
  options.retries = rules.limits.retries;
  options.stop_after_failures = rules.limits.stop_after_failures;
  options.gpus = gpus_for(jobs, options.worker);
  // Slurm kills half a minute after it has told to end, or a minute where our script is used; the last copy
  // of the shard needs some of that.
  options.grace = std::chrono::seconds(20);
  return options;
}

void worker_pool(const Arguments& arguments, Globals& globals) {
  const Slice slice = Slice::parse(arguments.slice);
  const fs::path plan_file = fs::absolute(arguments.plan).lexically_normal();
  const PoolPlan plan = PoolPlan::read(plan_file);
  const std::size_t first = slice.first(plan.trials.size()), last = slice.last(plan.trials.size());
  if (first == last)
    throw Error("--slice " + arguments.slice + ": is empty, the plan has " +
                std::to_string(plan.trials.size()) + " trial(s)");
  const Rules rules = stored_rules(plan.rules);
  const fs::path shards =
      arguments.shards.empty() ? plan_file.parent_path() / "shards" : fs::absolute(arguments.shards);
  std::error_code error;
  fs::create_directories(shards, error);
  if (error) throw Error("cannot make " + shards.string() + ": " + error.message(), kEnvironment);
  const fs::path shard = shards / (slice.name() + "." + random_name() + ".db");

  schedule::Interrupts interrupts;
  Scratch scratch(scratch_folder(arguments),
                  "saddle-pool-" + std::to_string(std::hash<std::string>()(plan_file.string())) + "-" +
                      slice.name() + "-");
  db::OpenOptions open;
  open.notice = [](const std::string& text) { std::cerr << "saddle: " << text << '\n'; };
  db::Store store(scratch.database(), open);
  const std::int64_t experiment = store.add_experiment(plan.experiment);
  db::Event run;
  run.type = "run";
  run.experiment = experiment;
  run.data = Json{{"experiment_id", experiment}, {"sets", plan.sets}, {"rules", plan.rules}}.dump();
  store.add_event(run);
  const std::vector<db::PlannedTrial> part(plan.trials.begin() + static_cast<std::ptrdiff_t>(first),
                                           plan.trials.begin() + static_cast<std::ptrdiff_t>(last));
  store.freeze_plan(experiment, part);
  std::vector<std::string> hashes;
  hashes.reserve(part.size());
  for (const db::PlannedTrial& trial : part) hashes.push_back(trial.trial_hash);
  take_over(store, hashes, plan_file.parent_path() / "known.db", shards, slice, scratch);

  const auto todo = store.trials_to_run(experiment);
  const auto jobs = jobs_of(plan, first, last, rules, todo);
  const int done = static_cast<int>(part.size() - jobs.size());
  std::cout << plan.experiment.name << ", " << slice.name() << ": " << part.size() << " trials";
  if (done > 0) std::cout << ", " << done << " done before and not run again";
  std::cout << std::endl;

  schedule::Summary summary;
  schedule::Publisher publisher(scratch.database(), shard, open.notice);
  std::exception_ptr failure;
  try {
    if (!jobs.empty()) {
      schedule::Options options = schedule_options(rules, jobs, arguments.jobs);
      options.runs = shard;
      options.runs.replace_extension(".runs") /= plan.experiment.name;
      Watching watching(plan.experiment.name, static_cast<int>(part.size()), done, publisher,
                        scratch.database());
      summary = schedule::Scheduler(store, watching, interrupts, options).run(jobs);
    }
    store.close();
  } catch (...) {
    failure = std::current_exception();  // what there is is published all the same
  }
  try {
    publisher.finish();
  } catch (...) {
    scratch.keep();
    std::cerr << "saddle: the shard stays at " << scratch.database().string()
              << "; saddle merge takes it from there\n";
    if (!failure) throw;
  }
  if (failure) std::rethrow_exception(failure);
  std::cout << "shard  " << shard.string() << '\n';
  if (summary.interrupted)
    globals.exit_code = kInterrupted;
  else if (summary.failed() > 0 || summary.gave_up)
    globals.exit_code = kNegative;
}

}  // namespace

void add_worker_pool(CLI::App& app, Globals& globals) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "worker-pool", "Run a part of a submitted plan into a database of its own (what a Slurm task calls)");
  command->add_option("--plan", arguments->plan, "plan.json, as submit wrote it")
      ->required()
      ->type_name("FILE");
  command->add_option("--slice", arguments->slice, "Which part: 3/8 is the third of eight")
      ->required()
      ->type_name("I/N");
  command->add_option("--shards", arguments->shards, "Where its database goes [shards, beside the plan]")
      ->type_name("FOLDER");
  command
      ->add_option("--scratch", arguments->scratch,
                   "Local disk for the database while it is written [$TMPDIR, /tmp]")
      ->type_name("FOLDER");
  command->add_option("--jobs,-j", arguments->jobs, "Trials at a time [as many as fit the task's cores]")
      ->check(CLI::Range(1, 4096));
  command->callback([arguments, &globals] { worker_pool(*arguments, globals); });
}

}  // namespace saddle::cli
