#include <cli/execute.hpp>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include <CLI/CLI.hpp>

#include <cli/closing.hpp>
#include <cli/progress.hpp>
#include <cli/pruner.hpp>
#include <cli/rebuilt.hpp>
#include <common/error.hpp>
#include <common/paths.hpp>
#include <common/process.hpp>
#include <grid/choice.hpp>
#include <grid/identity.hpp>
#include <grid/pins.hpp>
#include <grid/resolve.hpp>
#include <schedule/order.hpp>
#include <schedule/scheduler.hpp>

namespace saddle::cli {
namespace {

namespace fs = std::filesystem;

// The stored config, checked against the components as they are now. The hash
// covers kind, name, version and all that is not default, so it tells whether
// the trial would still be the one that was planned.
Json current_config(const db::TrialInfo& trial, Resolver& resolver, const Catalogue& catalogue) {
  std::string fault;
  const auto report = [&](const std::string& pointer, const std::string& text, bool) {
    if (fault.empty()) fault = (pointer.empty() ? "" : pointer + ": ") + text;
  };
  const ResolvedConfig resolved = resolver.resolve(Json::parse(trial.config_json), report);
  if (!fault.empty())
    throw Error("trial " + trial.name + " cannot run with the plugins found now: " + fault +
                ". Name the folder of the plugins it was planned with by --plugins or SADDLE_PLUGIN_PATH.");
  if (identity_hash(resolved.identity()) == trial.config_hash) return resolved.json();

  std::string now;
  const Json files = plugin_files(resolved.json(), catalogue);
  for (const auto& [component, file] : files.items()) {
    const std::size_t slash = component.find('/');
    const Component* found = catalogue.find(component.substr(0, slash), component.substr(slash + 1));
    now += (now.empty() ? "" : ", ") + component + "@" + found->version;
  }
  throw Error("trial " + trial.name + " was planned with another version of a component (found now: " + now +
              "). Restore the plugin it was planned with, or plan anew: saddle run FILE.");
}

}  // namespace

std::vector<schedule::Job> make_jobs(const std::vector<db::TrialInfo>& trials, const Experiment& experiment,
                                     const Catalogue& catalogue, bool restart) {
  std::vector<schedule::Job> jobs;
  std::set<std::string> used;
  Resolver resolver(catalogue);
  for (const db::TrialInfo& trial : trials) {
    schedule::Job job;
    job.trial = trial.id;
    job.name = trial.name;
    job.experiment = experiment.name;
    job.seed = trial.seed;
    job.config = current_config(trial, resolver, catalogue);
    job.plugins = plugin_files(job.config, catalogue);
    job.pins = Json::object();
    for (const auto& [component, file] : job.plugins.items()) {
      used.insert(component);
      const auto pin = experiment.rules.pins.find(component);
      if (pin != experiment.rules.pins.end()) job.pins[component] = pin->second;
    }
    const Resources& resources = experiment.rules.resources;
    job.rounds = job.config.at("train").at("rounds").get<std::int64_t>();
    job.train_threads = job.config.at("train").at("threads").get<int>();
    job.threads = resources.threads > 0 ? resources.threads : job.train_threads;
    job.gpu_share = resources.gpu;
    job.cuda = job.config.at("train").at("device") == "cuda";
    job.from_scratch = restart;
    job.last_attempt = trial.last_attempt;
    jobs.push_back(std::move(job));
  }
  check_pins(experiment.rules, used, catalogue);
  return jobs;
}

std::vector<db::TrialInfo> chosen(const std::vector<db::TrialInfo>& trials, const Choice& choice) {
  std::vector<db::TrialInfo> result;
  for (const db::TrialInfo& trial : trials) {
    const Json config = choice.reads_configs() ? Json::parse(trial.config_json) : Json::object();
    const auto section = [&](const std::string& name) {
      const auto found = config.find(name);
      return found == config.end() ? nullptr : &*found;
    };
    if (choice.takes(trial.name, trial.seed, section)) result.push_back(trial);
  }
  return result;
}

namespace {

// Results that were made with another binary of a component than the one at hand
// are planned again.
void run_changed_again(db::Store& store, const std::vector<db::TrialInfo>& trials,
                       const Catalogue& catalogue) {
  db::Reader reader(store.path());
  const auto changed = made_with_others(reader, [&](const std::string& component, const std::string&) {
    const std::size_t slash = component.find('/');
    const Component* now = catalogue.find(component.substr(0, slash), component.substr(slash + 1));
    return now == nullptr ? "" : now->sha256;
  });
  std::vector<std::int64_t> again;
  std::set<std::string> components;
  for (const db::TrialInfo& trial : trials) {
    const auto found = changed.find(trial.id);
    if (found == changed.end()) continue;
    again.push_back(trial.id);
    components.insert(found->second.begin(), found->second.end());
  }
  if (again.empty()) return;
  std::string names;
  for (const std::string& component : components) names += (names.empty() ? "" : ", ") + component;
  store.run_again(again, "another binary of " + names);
  std::cout << again.size() << (again.size() == 1 ? " result was" : " results were")
            << " made with another binary of " << names << " and will be made anew\n";
}

}  // namespace

std::vector<db::TrialInfo> queue_of(const std::vector<db::TrialInfo>& all,
                                    const std::vector<db::TrialInfo>& todo,
                                    const std::vector<std::string>& first) {
  std::unordered_map<std::string, Json> configs;  // by hash
  std::vector<schedule::Place> places;
  for (const db::TrialInfo& trial : all) {
    Json& config = configs[trial.config_hash];
    if (config.is_null()) config = Json::parse(trial.config_json);
    places.push_back({trial.config_hash, &config});
  }
  std::unordered_map<std::int64_t, const db::TrialInfo*> wanted;
  for (const db::TrialInfo& trial : todo) wanted.emplace(trial.id, &trial);
  std::vector<db::TrialInfo> queue;
  for (const std::size_t i : schedule::spread_order(places))
    if (const auto found = wanted.find(all[i].id); found != wanted.end()) queue.push_back(*found->second);

  auto rest = queue.begin();
  for (const std::string& condition : first) {
    const Choice choice({}, {condition});
    std::unordered_set<std::int64_t> taken;
    for (const db::TrialInfo& trial : chosen({rest, queue.end()}, choice)) taken.insert(trial.id);
    rest =
        std::stable_partition(rest, queue.end(), [&](const auto& trial) { return taken.contains(trial.id); });
  }
  return queue;
}

std::vector<std::string> gpus_for(const std::vector<schedule::Job>& jobs, const fs::path& worker) {
  if (std::none_of(jobs.begin(), jobs.end(), [](const schedule::Job& job) { return job.cuda; })) return {};
  const ChildResult info = run_child({worker.string(), "info"}, "", 60);
  if (!info.ok()) throw Error(worker.string() + " " + info.failure(), kEnvironment);
  const Json cuda = Json::parse(info.out).at("cuda");
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  return schedule::gpu_names(static_cast<int>(cuda.value("devices", Json::array()).size()),
                             visible != nullptr ? visible : "");
}

void add_choice_options(CLI::App& command, std::vector<std::string>& only, std::vector<std::string>& where) {
  command.add_option("--only", only, "Only trials with such a name: '*-hinge-*'; may be repeated")
      ->allow_extra_args(false)
      ->type_name("GLOB");
  command
      .add_option(
          "--where", where,
          "Only trials of which this is true: 'models.generator.width == 32 and seed < 3'; may be repeated")
      ->allow_extra_args(false)
      ->type_name("CONDITION");
}

void add_execute_options(CLI::App& command, ExecuteOptions& options) {
  command
      .add_option("--jobs,-j", options.jobs, "Trials at a time [as many as their threads leave cores for]")
      ->check(CLI::Range(1, 4096));
  command.add_flag("--restart", options.restart,
                   "Begin unfinished trials anew instead of going on from their checkpoints");
  command.add_flag("--cold", options.cold,
                   "Load LibTorch anew for every attempt instead of forking a worker that has");
  command
      .add_option(
          "--first", options.first,
          "Run trials of which this is true before the others: 'losses.0.use == \"hinge\"'; may be repeated")
      ->allow_extra_args(false)
      ->type_name("CONDITION");
  command.add_flag("--rerun-changed", options.rerun_changed,
                   "Make results anew whose plugins were rebuilt since; what is there stays in the database");
  command.add_flag("--no-prune", options.no_prune,
                   "Prune nothing whatever the grid says, and finish the trials that were pruned");
  command.add_flag("--require-pins", options.require_pins,
                   "Open and use no plugin that the grid does not pin by its SHA-256");
  command.add_flag("--wait", options.wait, "Wait while another saddle writes this database");
  add_choice_options(command, options.only, options.where);
}

db::OpenOptions open_options(const ExecuteOptions& options) {
  db::OpenOptions open;
  if (options.wait) open.wait = std::chrono::milliseconds::max();
  open.notice = [](const std::string& text) { std::cerr << "saddle: " << text << '\n'; };
  return open;
}

void execute(const Experiment& experiment, db::Store& store, const Catalogue& catalogue,
             schedule::Interrupts& interrupts, const ExecuteOptions& options, Globals& globals) {
  const bool prunes = experiment.rules.prune.has_value();
  if (prunes) settle_decisions(store, experiment.id);
  auto all = store.trials(experiment.id);
  const Choice choice(options.only, options.where);
  if (!choice.everything()) {
    std::vector<std::string> names;
    names.reserve(all.size());
    for (const db::TrialInfo& trial : all) names.push_back(trial.name);
    choice.expect_some(chosen(all, choice).size(), names);
  }
  if (options.rerun_changed) {
    run_changed_again(store, chosen(all, choice), catalogue);
    all = store.trials(experiment.id);
  }
  const auto left = store.trials_to_run(experiment.id, !prunes);
  const auto todo = chosen(left, choice);
  const auto count = [&](db::TrialState state) {
    return static_cast<int>(
        std::count_if(all.begin(), all.end(), [&](const auto& trial) { return trial.state == state; }));
  };
  const int done = count(db::TrialState::done), pruned = prunes ? count(db::TrialState::pruned) : 0;
  if (done + pruned > 0) {
    if (done > 0) std::cout << done << " done";
    if (pruned > 0) std::cout << (done > 0 ? " and " : "") << pruned << " pruned";
    std::cout << " before and not run again, ";
  }
  std::cout << todo.size() << " to run\n" << std::flush;

  schedule::Options schedule;
  schedule.worker = todo.empty() ? fs::path() : worker_path();
  schedule.runs = runs_folder(store.path()) / experiment.name;
  schedule.jobs = options.jobs;
  schedule.cold = options.cold;
  const Limits& limits = experiment.rules.limits;
  schedule.time_limit_s = limits.time_s;
  schedule.data_limit_bytes = static_cast<std::uint64_t>(limits.memory_mb) << 20;
  schedule.retries = limits.retries;
  schedule.stop_after_failures = limits.stop_after_failures;
  schedule.requests = schedule::requests_folder(runs_folder(store.path()));

  const auto jobs = make_jobs(queue_of(all, todo, options.first), experiment, catalogue, options.restart);
  schedule.gpus = gpus_for(jobs, schedule.worker);
  const auto start = std::chrono::steady_clock::now();
  schedule::Summary summary;
  {
    Progress progress(experiment.name, static_cast<int>(all.size()), done, pruned);
    std::unique_ptr<schedule::Pruner> pruner;
    if (experiment.rules.prune) {
      db::Reader reader(store.path());
      pruner = make_pruner(*experiment.rules.prune, reader, experiment.id, jobs);
      schedule.pruner = pruner.get();
      schedule.all_that_is_left = todo.size() == left.size();
      schedule.has_result =
          std::any_of(all.begin(), all.end(), [](const auto& t) { return t.reason == db::Reason::ok; });
    }
    summary = schedule::Scheduler(store, progress, interrupts, schedule).run(jobs);
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const auto after = store.trials(experiment.id);
  store.close();
  print_closing({experiment.id, experiment.name, after, summary, seconds}, globals);
  if (summary.interrupted) {
    globals.exit_code = kInterrupted;
  } else if (summary.failed() > 0 || summary.gave_up) {
    globals.exit_code = kNegative;
  }
}

}  // namespace saddle::cli
