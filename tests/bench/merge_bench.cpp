// Seconds to merge what array tasks leave: many small databases into one, and once more, when there is
// nothing to do.
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include "db/store.hpp"

using namespace saddle::db;

namespace {

constexpr int kTrials = 4, kKeys = 10;  // of one shard

// Trials of one task: their curves, a picture and a checkpoint each.
void write_shard(const std::filesystem::path& path, int shard, int rows) {
  Store store(path);
  const std::int64_t experiment =
      store.add_experiment({.name = "bench", .spec_text = "{}", .spec_sha256 = "0"});
  std::vector<PlannedTrial> plan;
  for (int i = 0; i < kTrials; ++i) {
    const std::string number = std::to_string(shard * kTrials + i);
    plan.push_back({.name = number,
                    .ordinal = shard * kTrials + i,
                    .config_hash = number,
                    .trial_hash = number,
                    .config_json = R"({"optimizers":{"generator":{"lr":0.)" + number + "}}}"});
  }
  store.freeze_plan(experiment, plan);
  std::vector<std::int64_t> keys;
  for (int k = 0; k < kKeys; ++k) keys.push_back(store.metric_key("metric/" + std::to_string(k)));
  const int steps = rows / kTrials / kKeys;
  for (const TrialInfo& trial : store.trials(experiment)) {
    const Attempt attempt = store.begin_attempt(trial.id);
    store.attempt_started(attempt.id, {.plugins = {{"loss", "hinge", "1", "loss_hinge.so", "1111"}}});
    std::vector<MetricRow> batch;
    for (int step = 0; step < steps; ++step)
      for (const std::int64_t key : keys)
        batch.push_back({key, 10 * step, std::sin(static_cast<double>(step + key))});
    store.append_metrics(attempt.id, batch);
    store.add_artifact(attempt.id, {"samples", "samples", 1, "samples-1.png", "abcd", 10, "image/png"});
    store.add_artifact(attempt.id, {"checkpoint", "checkpoint", 1, "checkpoint.safetensors", "beef", 10, ""});
    store.finish_attempt(attempt.id, {});
  }
  store.close();
}

}  // namespace

int main(int argc, char** argv) try {
  const int shards = argc > 1 ? std::atoi(argv[1]) : 64;
  const int rows = argc > 2 ? std::atoi(argv[2]) : 20'000;
  if (shards < 1 || rows < kTrials * kKeys) {
    std::fprintf(stderr, "usage: saddle_merge_bench [SHARDS] [ROWS OF EACH]\n");
    return 2;
  }
  std::string folder = (std::filesystem::temp_directory_path() / "saddle-bench-XXXXXX").string();
  if (!mkdtemp(folder.data())) return 3;
  std::vector<std::filesystem::path> files;
  for (int i = 0; i < shards; ++i) {
    files.push_back(std::filesystem::path(folder) / ("shard-" + std::to_string(i) + ".db"));
    write_shard(files.back(), i, rows);
  }
  std::int64_t taken = 0;
  const auto merge_all = [&] {
    const auto begin = std::chrono::steady_clock::now();
    Store store(std::filesystem::path(folder) / "all.db");
    for (const auto& file : files) taken += store.merge(file).metrics;
    store.close();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  const double first = merge_all();
  const std::int64_t rows_taken = taken;
  const double second = merge_all();
  std::printf(
      "{\"shards\": %d, \"rows\": %lld, \"seconds\": %.3f, \"again_seconds\": %.3f, \"again_rows\": %lld}\n",
      shards, static_cast<long long>(rows_taken), first, second, static_cast<long long>(taken - rows_taken));
  std::filesystem::remove_all(folder);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "saddle_merge_bench: %s\n", error.what());
  return 3;
}
