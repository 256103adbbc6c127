#pragma once
#include <cmath>

#include "db/store.hpp"

// A database in which something of everything has happened. data/vN.db is this
// history as the library of format N wrote it (then made independent of host and
// time by kNeutral), so what a migrated file says can be held against a fresh one.
namespace saddle::db::test {

// Also VACUUMed with pages of 1,024 bytes, which keeps the files small.
inline constexpr const char* kNeutral =
    "UPDATE attempt SET host = 'host', pid = 4711, boot_id = 'boot', proc_start = 1,"
    " started_ms = 1790000000000 + id * 1000, ended_ms = 1790000000500 + id * 1000;"
    "UPDATE experiment SET created_ms = 1790000000000 + id, used_ms = 1790000000000 + id;"
    "UPDATE event SET time_ms = 1790000000000 + id;"
    "UPDATE artifact SET created_ms = 1790000000000 + id;";

inline std::string history_config(const std::string& loss, int width, int every) {
  return R"({"losses":[{"use":")" + loss + R"(","weight":1.0}],"models":{"generator":{"use":"mlp","width":)" +
         std::to_string(width) +
         R"(,"batch_norm":false}},"optimizers":{"generator":{"use":"adam","lr":0.001,"betas":[0.0,0.9]}},)"
         R"("train":{"rounds":100,"augment":[]},"record":{"every":)" +
         std::to_string(every) + "}}";
}

inline std::vector<PlannedTrial> history_plan() {
  std::vector<PlannedTrial> plan;
  for (const std::string loss : {"hinge", "ns"})
    for (const int seed : {1, 2}) {
      const auto n = static_cast<std::int64_t>(plan.size()) + 1;
      plan.push_back({.name = "000" + std::to_string(n) + "-" + loss + "-s" + std::to_string(seed),
                      .ordinal = n,
                      .config_hash = loss + "16",
                      .trial_hash = loss + "16/" + std::to_string(seed),
                      .seed = seed,
                      .config_json = history_config(loss, 16, 10)});
    }
  plan.push_back({.name = "0005-ns-w32-s1",
                  .ordinal = 5,
                  .config_hash = "ns32",
                  .trial_hash = "ns32/1",
                  .seed = 1,
                  .config_json = history_config("ns", 32, 10)});
  return plan;
}

inline void write_history(const std::filesystem::path& path) {
  Store store(path);
  const std::int64_t losses = store.add_experiment({.name = "losses",
                                                    .spec_text = R"({"name": "losses"})",
                                                    .spec_sha256 = "aa11",
                                                    .file = "losses.json",
                                                    .git_commit = "0123abc",
                                                    .git_dirty = true});
  std::vector<PlannedTrial> plan = history_plan();
  store.freeze_plan(losses, plan);
  const auto trials = store.trials(losses);
  const std::string pixels = R"({"features":"pixels"})",
                    features = R"({"features":"discriminator.features"})";
  const auto key = [&](const char* name, const std::string& protocol = "") {
    return store.metric_key(name, protocol);
  };
  const auto start = [&](const Attempt& attempt, std::int64_t from) {
    store.attempt_started(attempt.id, {.libtorch = "2.11.0",
                                       .isa = "avx2",
                                       .device = "cpu",
                                       .threads = 1,
                                       .resumed_from_step = from,
                                       .plugins = {{"loss", "hinge", "1", "loss_hinge.so", "1111"},
                                                   {"model", "mlp", "2", "model_mlp.so", "2222"}}});
  };
  const auto log = [&](const Attempt& attempt, int from, int to, double at) {
    for (int step = from; step <= to; step += 10) {
      store.append_metrics(attempt.id, {{key("generator/total"), step, at / step}});
      if (step % 50 == 0) store.append_metrics(attempt.id, {{key("frechet", pixels), step, at * 10 / step}});
    }
  };

  // Done in one go, with a picture, measured in two ways.
  Attempt attempt = store.begin_attempt(trials[0].id, {.threads = 1, .folder = "runs/1"});
  start(attempt, -1);
  log(attempt, 10, 100, 3);
  store.append_metrics(attempt.id, {{key("frechet", features), 100, 77}});
  store.add_artifact(attempt.id, {.kind = "samples",
                                  .name = "samples",
                                  .step = 100,
                                  .path = "samples-100.png",
                                  .sha256 = "abcd",
                                  .bytes = 1234,
                                  .media_type = "image/png"});
  store.finish_attempt(attempt.id, {.reason = Reason::ok, .exit_code = 0, .last_step = 100});
  // Killed, gone on from its checkpoint at 50, done.
  attempt = store.begin_attempt(trials[1].id, {.threads = 1, .folder = "runs/2"});
  start(attempt, -1);
  log(attempt, 10, 70, 5);
  store.add_artifact(attempt.id, {.kind = "checkpoint",
                                  .name = "checkpoint",
                                  .step = 50,
                                  .path = "checkpoint.safetensors",
                                  .sha256 = "beef",
                                  .bytes = 99,
                                  .media_type = "application/octet-stream"});
  store.add_event(
      {.type = "warning", .message = "something odd", .trial = trials[1].id, .attempt = attempt.id});
  store.finish_attempt(attempt.id,
                       {.reason = Reason::signal, .signal = 9, .message = "killed", .last_step = 70});
  attempt = store.begin_attempt(trials[1].id, {.start_step = 50, .threads = 1, .folder = "runs/2b"});
  start(attempt, 50);
  log(attempt, 60, 100, 6);
  store.finish_attempt(attempt.id, {.reason = Reason::ok, .exit_code = 0, .last_step = 100});
  // Diverged.
  attempt = store.begin_attempt(trials[2].id);
  start(attempt, -1);
  log(attempt, 10, 30, 2);
  store.append_metrics(attempt.id, {{key("generator/total"), 40, INFINITY},
                                    {key("generator/total"), 50, -INFINITY},
                                    {key("generator/total"), 60, NAN}});
  store.finish_attempt(attempt.id, {.reason = Reason::diverged,
                                    .exit_code = 0,
                                    .message = "generator/total is not finite",
                                    .last_step = 60});
  // Failed; the fifth was never run.
  attempt = store.begin_attempt(trials[3].id);
  store.finish_attempt(attempt.id, {.reason = Reason::error, .exit_code = 1, .message = "no such data"});
  // A second experiment shares a result, and has the fifth recorded otherwise.
  const std::int64_t widths = store.add_experiment(
      {.name = "widths", .spec_text = R"({"name": "widths"})", .spec_sha256 = "bb22", .file = "widths.json"});
  plan[4].config_json = history_config("ns", 32, 20);
  plan[4].ordinal = 2;
  store.freeze_plan(widths, {plan[0], plan[4]});
  store.close();
}

}  // namespace saddle::db::test
