// Writes a small database as a run would have: what the tests of the commands ask.
//   make_cli_database FILE             results that exports must bring through
//   make_cli_database FILE files RUNS  two experiments that share a trial, with files below RUNS; one trial
//   runs
//   make_cli_database FILE curves RUNS the same, but the metric is called generator/level
//   make_cli_database FILE hold        holds the database as a run does, until its input ends
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <limits>

#include <common/sha256.hpp>

#include "../../unit/cli/fixture.hpp"

using namespace saddle;
using namespace saddle::cli::test;

namespace {

void results(const char* path) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  const std::string pixels = R"({"features":"pixels"})";
  const auto config = [](const char* loss, double lr) {
    return R"({"losses":[{"use":")" + std::string(loss) + R"("}],"optimizers":{"generator":{"lr":)" +
           std::to_string(lr) + R"(,"betas":[0.0,0.9]}},"note":"a, \"b\"","flag":true})";
  };
  fill(path, "e",
       {{"aaaa", 1, config("hinge", 0.001), {{"frechet", pixels, 2.5}, {"generator/total", "", 1}}},
        {"aaaa", 2, config("hinge", 0.001), {{"frechet", pixels, 1.0 / 3}, {"generator/total", "", inf}}},
        {"bbbb", 1, config("ns", 0.01), {{"frechet", pixels, 7}, {"generator/total", "", -inf}}},
        {"bbbb", 2, config("ns", 0.01), {{"frechet", pixels, nan}}, db::Reason::diverged},
        {"cccc", 1, config("ns", 0.1), {{"frechet", pixels, 9}}, db::Reason::pruned},
        {"cccc", 2, config("ns", 0.1), {}, db::Reason::error}});
}

void leave_file(db::Store& store, std::int64_t attempt, const std::filesystem::path& folder,
                const std::string& kind, const std::string& name, const std::string& content) {
  std::ofstream(folder / name) << content;
  store.add_artifact(attempt, {.kind = kind,
                               .name = name,
                               .step = 100,
                               .path = name,
                               .sha256 = sha256(content),
                               .bytes = static_cast<std::int64_t>(content.size()),
                               .media_type = kind == "samples" ? "image/png" : "text/plain"});
}

void files(const char* path, const std::filesystem::path& runs, const std::string& metric) {
  db::Store store(path);
  const auto plan = [](int ordinal) {
    const std::string n = std::to_string(ordinal);
    return db::PlannedTrial{.name = "000" + n + "-t",
                            .ordinal = ordinal,
                            .config_hash = "c" + n,
                            .trial_hash = "h" + n,
                            .seed = 1,
                            .config_json = R"({"n":)" + n + "}"};
  };
  const std::int64_t a =
      store.add_experiment({.name = "a", .spec_text = "{}", .spec_sha256 = "a", .file = "a"});
  const std::int64_t b =
      store.add_experiment({.name = "b", .spec_text = "{}", .spec_sha256 = "b", .file = "b"});
  store.freeze_plan(a, {plan(1), plan(2), plan(4)});
  store.freeze_plan(b, {plan(2), plan(3)});
  const auto begin = [&](const db::TrialInfo& trial, const std::string& experiment) {
    const db::Attempt attempt = store.begin_attempt(trial.id);
    const std::filesystem::path folder = runs / experiment / trial.name / "attempt-1";
    std::filesystem::create_directories(folder);
    store.attempt_spawned(attempt.id, getppid(), folder);  // the test: alive while this is looked at
    std::ofstream(folder / "trial.json") << "{}";
    std::ofstream(folder / "output.log") << "hello\n";
    store.append_metrics(attempt.id,
                         {{store.metric_key(metric), 1, 1.0}, {store.metric_key(metric), 2, 0.5}});
    leave_file(store, attempt.id, folder, "checkpoint", "checkpoint.safetensors", "weights of " + trial.name);
    leave_file(store, attempt.id, folder, "samples", "samples.png", "picture of " + trial.name);
    return attempt.id;
  };
  for (const db::TrialInfo& trial : store.trials(a)) {
    const std::int64_t attempt = begin(trial, "a");
    if (trial.name != "0004-t") store.finish_attempt(attempt, {.reason = db::Reason::ok, .last_step = 2});
  }
  store.finish_attempt(begin(store.trials(b).at(1), "b"), {.reason = db::Reason::ok, .last_step = 2});
  store.close();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2) {
    results(argv[1]);
  } else if (argc == 4 && std::strcmp(argv[2], "files") == 0) {
    files(argv[1], argv[3], "level");
  } else if (argc == 4 && std::strcmp(argv[2], "curves") == 0) {
    files(argv[1], argv[3], "generator/level");
  } else if (argc == 3 && std::strcmp(argv[2], "hold") == 0) {
    const db::Store store(argv[1]);
    std::puts("held");
    std::fflush(stdout);
    while (std::getchar() != EOF) {
    }
  } else {
    return 2;
  }
  return 0;
}
