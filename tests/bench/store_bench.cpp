// Rows a second and bytes a row of the store, as trials really send them:
// several attempts at once, each a batch of all its keys every half second.
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>

#include "db/store.hpp"

using namespace saddle::db;

int main(int argc, char** argv) try {
  const int attempts = argc > 1 ? std::atoi(argv[1]) : 16;
  const int keys = argc > 2 ? std::atoi(argv[2]) : 12;
  const int total = argc > 3 ? std::atoi(argv[3]) : 2'000'000;
  if (attempts < 1 || keys < 1 || total < 1000) {
    std::fprintf(stderr, "usage: saddle_store_bench [ATTEMPTS] [KEYS] [ROWS]\n");
    return 2;
  }
  std::string folder = (std::filesystem::temp_directory_path() / "saddle-bench-XXXXXX").string();
  if (!mkdtemp(folder.data())) return 3;
  const std::filesystem::path path = std::filesystem::path(folder) / "bench.db";
  {
    Store store(path);
    const std::int64_t experiment =
        store.add_experiment({.name = "bench", .spec_text = "{}", .spec_sha256 = "0"});
    std::vector<PlannedTrial> plan;
    for (int i = 0; i < attempts; ++i)
      plan.push_back({.name = std::to_string(i),
                      .ordinal = i,
                      .config_hash = "c",
                      .trial_hash = std::to_string(i),
                      .config_json = "{}"});
    store.freeze_plan(experiment, plan);
    std::vector<Attempt> running;
    for (const TrialInfo& trial : store.trials(experiment)) running.push_back(store.begin_attempt(trial.id));
    std::vector<std::int64_t> ids;
    for (int k = 0; k < keys; ++k) ids.push_back(store.metric_key("metric/" + std::to_string(k)));

    const auto begin = std::chrono::steady_clock::now();
    constexpr int kSteps = 80;  // of one batch
    std::int64_t rows = 0;
    for (std::int64_t step = 0; rows < total; step += kSteps)
      for (const Attempt& attempt : running) {
        std::vector<MetricRow> batch;
        for (int s = 0; s < kSteps; ++s)
          for (const std::int64_t key : ids)
            batch.push_back({key, 10 * (step + s), std::sin(static_cast<double>(step + s + key))});
        store.append_metrics(attempt.id, batch);
        rows += static_cast<std::int64_t>(batch.size());
      }
    store.flush();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    store.close();
    const double bytes = static_cast<double>(std::filesystem::file_size(path)) / static_cast<double>(rows);
    std::printf(
        "{\"rows\": %lld, \"attempts\": %d, \"keys\": %d, \"rows_per_second\": %.0f, \"bytes_per_row\": "
        "%.1f}\n",
        static_cast<long long>(rows), attempts, keys, static_cast<double>(rows) / seconds, bytes);
  }
  std::filesystem::remove_all(folder);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "saddle_store_bench: %s\n", error.what());
  return 3;
}
