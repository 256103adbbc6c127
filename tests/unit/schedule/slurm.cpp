#include <catch2/catch.hpp>

#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include <common/error.hpp>
#include <common/sha256.hpp>
#include <schedule/pool_plan.hpp>
#include <schedule/slurm.hpp>

using namespace saddle;
using namespace saddle::schedule;

namespace {

namespace fs = std::filesystem;

struct Folder {
  Folder() {
    std::string name = (fs::temp_directory_path() / "saddle-schedule-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  fs::path path;
};

}  // namespace

TEST_CASE("slices of a plan are all of it and equal but for one trial") {
  for (const std::size_t trials : {0U, 1U, 7U, 64U, 1001U})
    for (const std::size_t of : {1U, 2U, 3U, 64U, 1000U}) {
      std::size_t next = 0;
      for (std::size_t i = 1; i <= of; ++i) {
        const Slice slice{i, of};
        CHECK(slice.first(trials) == next);
        next = slice.last(trials);
        const std::size_t size = next - slice.first(trials);
        CHECK(size >= trials / of);
        CHECK(size <= (trials + of - 1) / of);
      }
      CHECK(next == trials);
    }
  CHECK(Slice::parse("3/8").number == 3);
  CHECK(Slice::parse("3/8").name() == "slice-0003-of-0008");
  for (const char* wrong : {"", "/", "1/", "/1", "0/1", "2/1", "-1/2", "1/2/3", "a/b", "1 /2"})
    CHECK_THROWS_AS(Slice::parse(wrong), Error);
}

TEST_CASE("lines of squeue name tasks one by one or as ranges") {
  QueuedTasks tasks;
  for (const char* line :
       {"1 RUNNING", "2 COMPLETING", "3-5%2 PENDING", "7,9-10 PENDING", "12 REQUEUED", "", "N/A PENDING"})
    read_queue_line(line, tasks);
  CHECK(tasks.running == std::set<std::size_t>{1, 2});
  CHECK(tasks.waiting == std::set<std::size_t>{3, 4, 5, 7, 9, 10, 12});
  CHECK(tasks.contains(4));
  CHECK_FALSE(tasks.contains(8));
}

TEST_CASE("a batch script asks for what its trials need") {
  ArrayJob job{.name = "a b",
               .folder = "/x/y",
               .program = "/bin/saddle",
               .trials = 5,
               .tasks = 3,
               .threads = 4,
               .gpu = true,
               .environment = {{"SADDLE_DATA", "/it's"}}};
  const std::string script = batch_script(job);
  for (const char* line :
       {"#!/bin/bash\n", "#SBATCH --job-name=saddle-a-b\n", "#SBATCH --array=1-3\n",
        "#SBATCH --cpus-per-task=4\n", "#SBATCH --gres=gpu:1\n", "#SBATCH --signal=B:TERM@60\n",
        "export SADDLE_DATA='/it'\\''s'\n",
        "exec '/bin/saddle' worker-pool --plan '/x/y/plan.json' --slice \"$SLURM_ARRAY_TASK_ID/3\"\n"}) {
    INFO(line);
    CHECK(script.find(line) != std::string::npos);
  }
  job.gpu = false;
  CHECK(batch_script(job).find("gres") == std::string::npos);
}

TEST_CASE("a plan that was written is read back with copies of its plugins") {
  const Folder folder;
  std::ofstream(folder.path / "loss.so") << "first";
  PoolPlan plan;
  plan.experiment = {
      .name = "e", .spec_text = "{}", .spec_sha256 = "aa", .file = "e.json", .git_dirty = true};
  plan.sets = {"train.rounds=1"};
  plan.rules = {{"limits", {{"retries", 2}}}};
  plan.plugins["loss/hinge"] = {folder.path / "loss.so", "", sha256("first")};
  for (const int seed : {1, 2, 3}) {
    const Json config = {{"lr", seed < 3 ? 0.1 : 1e-7}};  // two share one
    plan.trials.push_back({.name = "t" + std::to_string(seed),
                           .ordinal = seed,
                           .config_hash = "c",
                           .trial_hash = "h" + std::to_string(seed),
                           .seed = seed,
                           .config_json = config.dump()});
    plan.configs.push_back(config);
  }
  fs::create_directory(folder.path / "out");
  const fs::path file = folder.path / "out" / "plan.json";
  plan.write(file);
  // Rebuilt afterwards: the plan has the one of before.
  std::ofstream(folder.path / "loss.so") << "second";

  const PoolPlan back = PoolPlan::read(file);
  CHECK(back.experiment.name == "e");
  CHECK(back.experiment.spec_sha256 == "aa");
  CHECK(back.experiment.git_dirty);
  CHECK(back.sets == plan.sets);
  CHECK(back.rules == plan.rules);
  const PoolPlugin& plugin = back.plugins.at("loss/hinge");
  CHECK(plugin.original == (folder.path / "loss.so").string());
  CHECK(plugin.file.parent_path() == folder.path / "out" / "plugins");
  CHECK(sha256_file(plugin.file) == sha256("first"));
  REQUIRE(back.trials.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(back.trials[i].name == plan.trials[i].name);
    CHECK(back.trials[i].trial_hash == plan.trials[i].trial_hash);
    CHECK(back.trials[i].seed == plan.trials[i].seed);
    CHECK(back.trials[i].config_json == plan.trials[i].config_json);
    CHECK(back.configs[i] == plan.configs[i]);
  }
  // A catalogue that is behind its file.
  PoolPlan late = plan;
  late.plugins["loss/hinge"] = {folder.path / "loss.so", "", sha256("first")};
  fs::create_directory(folder.path / "late");
  CHECK_THROWS_WITH(late.write(folder.path / "late" / "plan.json"), Catch::Contains("rebuilt"));
}
