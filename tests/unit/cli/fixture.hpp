#pragma once
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include <db/reader.hpp>
#include <db/store.hpp>

namespace saddle::cli::test {

// A database in a folder of its own, gone with the test.
class Database {
 public:
  Database() {
    std::string name = (std::filesystem::temp_directory_path() / "saddle-cli-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
    folder_ = name;
  }
  ~Database() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  std::filesystem::path path() const { return folder_ / "a.db"; }

 private:
  std::filesystem::path folder_;
};

struct Measured {
  std::string metric, protocol;
  double value;
};

struct TrialResult {
  std::string config_hash;
  int seed = 1;
  std::string config;
  std::vector<Measured> measured;
  db::Reason reason = db::Reason::ok;
};

// An experiment with one ended attempt a result; its id.
inline std::int64_t fill(const std::filesystem::path& path, const std::string& name,
                         const std::vector<TrialResult>& results, const std::string& spec = "{}") {
  db::Store store(path);
  const std::int64_t experiment =
      store.add_experiment({.name = name, .spec_text = spec, .spec_sha256 = name, .file = name + ".json"});
  std::vector<db::PlannedTrial> plan;
  for (std::size_t i = 0; i < results.size(); ++i)
    plan.push_back({.name = "000" + std::to_string(i + 1) + "-" + results[i].config_hash + "-s" +
                            std::to_string(results[i].seed),
                    .ordinal = static_cast<std::int64_t>(i + 1),
                    .config_hash = results[i].config_hash,
                    .trial_hash = results[i].config_hash + "000" + std::to_string(results[i].seed),
                    .seed = results[i].seed,
                    .config_json = results[i].config});
  store.freeze_plan(experiment, plan);
  const auto trials = store.trials(experiment);
  for (std::size_t i = 0; i < results.size(); ++i) {
    const db::Attempt attempt = store.begin_attempt(trials[i].id);
    store.attempt_started(attempt.id,
                          {.libtorch = "2.11.0",
                           .isa = "avx2",
                           .device = "cpu",
                           .threads = 1,
                           .plugins = {{"loss", "hinge", "1", "/p/hinge.so", "0123456789abcdef"}}});
    for (const Measured& m : results[i].measured)
      store.append_metrics(attempt.id, {{store.metric_key(m.metric, m.protocol), 50, m.value * 2},
                                        {store.metric_key(m.metric, m.protocol), 100, m.value}});
    store.finish_attempt(attempt.id, {.reason = results[i].reason, .last_step = 100});
  }
  store.close();
  return experiment;
}

}  // namespace saddle::cli::test
