// The store at size: a database as 10,000 trials leave it, through the scheduler, worker processes and their
// pipes.
//
//   saddle_store_bench DATABASE LONG LONG_STEPS SHORT SHORT_STEPS
//
// LONG trials with LONG_STEPS values of each of ten keys say how fast rows are taken from four workers at
// once; SHORT ones, with SHORT_STEPS, make the database as wide as a large experiment. The worker is this
// program too.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include <common/forks.hpp>
#include <common/frames.hpp>
#include <common/paths.hpp>
#include <db/store.hpp>
#include <schedule/scheduler.hpp>

using namespace saddle;

namespace {

constexpr int kWorkers = 4, kSeeds = 5;
const char* const kKeys[] = {"discriminator/hinge/hinge_real",
                             "discriminator/hinge/hinge_fake",
                             "discriminator/r1/penalty",
                             "discriminator/total",
                             "discriminator/grad_norm",
                             "generator/hinge/hinge",
                             "generator/total",
                             "generator/grad_norm",
                             "images_per_second",
                             "frechet"};

// What the quickstart's trials are planned with: 83 parameters.
Json config_of(int number) {
  Json config = Json::parse(R"({"checkpoint":{"every":500},"dataset":{"path":"","use":"digits"},
    "losses":[{"margin":1.0,"use":"hinge","weight":1.0},{"every":1,"gamma":1.0,"use":"r1","weight":1.0}],
    "metrics":[{"every":200,"features":"pixels","samples":1500,"use":"frechet","weights":"ema"},
               {"every":0,"features":"pixels","k":5,"samples":1000,"ties":"strict","use":"prdc","weights":"ema"}],
    "record":{"every":20,"monitor":{"every":0,"logits":256,"singular_values":3},"samples":{"every":0,"grid":8}},
    "train":{"accumulate":1,"augment":[],"batch":64,"device":"cpu","ema":{"decay":0.99,"start":0},
      "latent":{"size":32,"use":"normal"},"memory_format":"contiguous","order":["discriminator","generator"],
      "pass":"separate","precision":"float32","rounds":800,
      "spectral_norm":{"eps":1e-12,"iterations":1,"update":"own"},"threads":1,
      "updates":{"discriminator":1,"generator":1}}})");
  for (const char* player : {"discriminator", "generator"}) {
    config["models"][player] = {{"batch_norm", false}, {"init", "default"}, {"norm", "default"},
                                {"role", player},      {"slope", 0.2},      {"use", "dcgan"},
                                {"width", 16}};
    config["optimizers"][player] =
        Json::parse(R"({"betas":[0.0,0.99],"clip_norm":0.0,"clip_weights":0.0,"eps":1e-08,
      "schedule":{"use":"constant","warmup":0},"sigma_clamp":{"max":0.0,"ratio":0.0},"use":"adam",
      "weight_decay":0.0})");
    config["optimizers"][player]["lr"] = 1e-4 * (1 + number % 20);
  }
  config["models"]["generator"]["width"] = 8 + number / 20;
  return config;
}

// As a worker tells what it trains, a value at a time.
int train(int frames_fd, const Json& trial) {
  FrameWriter frames(frames_fd);
  frames.event(Json{{"type", "started"},
                    {"libtorch", "2.11.0"},
                    {"isa", "avx2"},
                    {"device", "cpu"},
                    {"threads", 1},
                    {"plugins", Json::array({{{"component", "loss/hinge"},
                                              {"version", "1"},
                                              {"file", "/loss_hinge.so"},
                                              {"sha256", std::string(64, 'a')}}})}}
                   .dump());
  std::uint32_t id = 0;
  for (const char* name : kKeys) {
    Json key{{"id", id++}, {"name", name}, {"protocol", nullptr}};
    if (id == std::size(kKeys)) key["protocol"] = {{"features", "pixels"}, {"samples", 1500}};
    frames.key(key.dump());
  }
  const std::int64_t steps = trial.at("config").at("steps");
  const auto seed = trial.at("seed").get<double>();
  for (std::int64_t step = 1; step <= steps; ++step) {
    for (std::uint32_t key = 0; key < id; ++key)
      frames.metric(key, 10 * step, std::sin(static_cast<double>(step + key) * 1e-3 * (1 + seed)));
    frames.progress(step, steps, 1.0);
  }
  frames.event(Json{{"type", "finished"}, {"reason", "ok"}, {"message", ""}, {"step", 10 * steps}}.dump());
  return 0;
}

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Runs `count` trials from `first` on; seconds until all their rows are committed.
double run(db::Store& store, const std::vector<db::TrialInfo>& trials, int first, int count, int steps,
           const std::filesystem::path& runs) {
  schedule::Options options;
  options.worker = program_folder() / "saddle_store_bench";
  options.runs = runs;
  options.jobs = kWorkers;
  options.cold = true;
  std::vector<schedule::Job> jobs;
  for (int i = first; i < first + count; ++i) {
    const db::TrialInfo& trial = trials.at(static_cast<std::size_t>(i));
    schedule::Job job;
    job.trial = trial.id;
    job.name = trial.name;
    job.experiment = "bench";
    job.seed = trial.seed;
    job.config = {{"steps", steps}};
    jobs.push_back(job);
  }
  schedule::Observer silent;
  schedule::Interrupts interrupts;
  const auto begin = Clock::now();
  const schedule::Summary summary = schedule::Scheduler(store, silent, interrupts, options).run(jobs);
  store.flush();
  if (summary.count(db::Reason::ok) != count) throw std::runtime_error("not all trials ended well");
  return seconds_since(begin);
}

int fill(const std::filesystem::path& path, int long_trials, int long_steps, int short_trials,
         int short_steps) {
  double plan_s = 0, long_s = 0, short_s = 0;
  {
    db::Store store(path);
    const auto begin = Clock::now();
    const std::int64_t experiment =
        store.add_experiment({.name = "bench", .spec_text = "{}", .spec_sha256 = "0", .file = "bench.json"});
    std::vector<db::PlannedTrial> plan;
    for (int i = 0; i < long_trials + short_trials; ++i) {
      const int config = i / kSeeds, seed = i % kSeeds;
      char name[32];
      std::snprintf(name, sizeof(name), "%05d-%d-s%d", i + 1, config, seed);
      plan.push_back({.name = name,
                      .ordinal = i + 1,
                      .config_hash = "config " + std::to_string(config),
                      .trial_hash = "trial " + std::to_string(i),
                      .seed = seed,
                      .config_json = config_of(config).dump()});
    }
    store.freeze_plan(experiment, plan);
    plan_s = seconds_since(begin);
    const auto trials = store.trials(experiment);
    const auto runs = path.parent_path() / "bench.runs";
    long_s = run(store, trials, 0, long_trials, long_steps, runs);
    short_s = run(store, trials, long_trials, short_trials, short_steps, runs);
    store.close();
  }
  const double keys = static_cast<double>(std::size(kKeys));
  const double long_rows = keys * long_trials * long_steps, short_rows = keys * short_trials * short_steps;
  std::printf("%s\n", Json{{"workers", kWorkers},
                           {"trials", long_trials + short_trials},
                           {"rows", long_rows + short_rows},
                           {"rows_per_second", long_rows / long_s},
                           {"long_trials", long_trials},
                           {"long_rows", long_rows},
                           {"trials_per_second", short_trials / short_s},
                           {"short_trials", short_trials},
                           {"short_rows", short_rows},
                           {"short_rows_per_second", short_rows / short_s},
                           {"plan_seconds", plan_s},
                           {"bytes_per_row",
                            static_cast<double>(std::filesystem::file_size(path)) / (long_rows + short_rows)}}
                          .dump()
                          .c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc > 3 && std::string(argv[1]) == "train" && std::string(argv[2]) == "--trial")
    return train(kWorkerFd, Json::parse(read_file(argv[3])));
  if (argc != 6) {
    std::fprintf(stderr, "usage: saddle_store_bench DATABASE LONG LONG_STEPS SHORT SHORT_STEPS\n");
    return 2;
  }
  return fill(argv[1], std::atoi(argv[2]), std::atoi(argv[3]), std::atoi(argv[4]), std::atoi(argv[5]));
} catch (const std::exception& error) {
  std::fprintf(stderr, "saddle_store_bench: %s\n", error.what());
  return 3;
}
