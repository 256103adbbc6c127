#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "trial_fixture.hpp"

using namespace saddle::test;

namespace {

json with_metrics() {
  json t = trial_json();
  t["config"]["metrics"] = {
      entry(t, "metric", "frechet",
            {{"every", 4}, {"samples", 64}, {"features", "pixels"}, {"weights", "ema"}}),
      entry(t, "metric", "modes",
            {{"every", 0}, {"samples", 64}, {"features", "pixels"}, {"weights", "raw"}})};
  return t;
}

bool has(const Told& told, const std::string& name, int64_t step) {
  return std::any_of(told.rows.begin(), told.rows.end(),
                     [&](const auto& r) { return std::get<0>(r) == name && std::get<1>(r) == step; });
}

}  // namespace

TEST_CASE("an attempt tells of its start, numbers, pictures and end") {
  const Scratch scratch;
  const Told told = run(with_metrics(), scratch.folder);
  const json& started = told.events.front();
  CHECK(started["type"] == "started");
  CHECK(started["resumed_from_step"] == -1);
  CHECK(started["threads"] == 1);
  CHECK(started["plugins"].size() == 5);
  CHECK(started["parameters"]["generator"].get<int>() > 0);
  CHECK(told.finished()["reason"] == "ok");
  CHECK(told.finished()["step"] == 12);

  for (const char* name : {"frechet/floor", "frechet/noise", "frechet/untrained", "modes_covered/noise"})
    CHECK(has(told, name, 0));
  for (const int64_t step : {4, 8, 12}) CHECK(has(told, "frechet", step));
  CHECK(has(told, "modes_covered", 12));
  CHECK_FALSE(has(told, "modes_covered", 4));
  for (const int64_t step : {2, 12}) CHECK(has(told, "generator/total", step));
  CHECK_FALSE(has(told, "generator/total", 3));

  REQUIRE(told.artifacts.size() == 2);  // the sheet and the checkpoint
  CHECK(told.artifacts[0]["path"] == "samples-12.png");
  CHECK(std::filesystem::file_size(scratch.folder / "samples-12.png") == told.artifacts[0]["bytes"]);
  CHECK(std::filesystem::exists(scratch.folder / "checkpoint.safetensors"));
}

TEST_CASE("the same seed gives the same numbers, another seed others") {
  const Scratch a, b, c;
  json t = with_metrics();
  const Told first = run(t, a.folder);
  const bool same = first.rows == run(t, b.folder).rows;
  CHECK(same);
  t["seed"] = 4;
  const bool other = first.rows != run(t, c.folder).rows;
  CHECK(other);
}

TEST_CASE("measuring, recording and saving more often changes no number") {
  const Scratch a, b;
  json t = with_metrics();
  const Told seldom = run(t, a.folder);
  t["config"]["metrics"][0]["every"] = 1;
  t["config"]["record"]["every"] = 1;
  t["config"]["record"]["samples"]["every"] = 3;
  t["config"]["checkpoint"]["every"] = 1;
  const Told often = run(t, b.folder);
  for (const auto& row : seldom.rows) {
    const bool found = std::find(often.rows.begin(), often.rows.end(), row) != often.rows.end();
    CHECK(found);
  }
}

TEST_CASE("a resumed attempt gives the rows that were still to come, bit for bit") {
  const Scratch whole, part, rest;
  json t = with_metrics();
  t["config"]["models"]["discriminator"]["norm"] = "spectral";
  const Told straight = run(t, whole.folder);
  json half = t;
  half["config"]["train"]["rounds"] = 6;
  run(half, part.folder);
  const Told resumed = run(t, rest.folder, part.folder / "checkpoint.safetensors");
  CHECK(resumed.events.front()["resumed_from_step"] == 6);
  std::vector<std::tuple<std::string, int64_t, double>> expected;
  for (const auto& row : straight.rows)
    if (std::get<1>(row) > 6) expected.push_back(row);
  const bool same = resumed.rows == expected;
  CHECK(same);
  CHECK(!expected.empty());
}

TEST_CASE("numbers that are not finite end an attempt as diverged, and no such checkpoint is kept") {
  const Scratch scratch;
  json t = trial_json();
  t["config"]["train"]["rounds"] = 200;
  for (const char* player : {"generator", "discriminator"}) {
    t["config"]["optimizers"][player] = {
        {"use", "sgd"},      {"lr", 1e12},
        {"momentum", 0.0},   {"dampening", 0.0},
        {"nesterov", false}, {"weight_decay", 0.0},
        {"clip_norm", 0.0},  {"schedule", {{"use", "constant"}, {"warmup", 0}}}};
  }
  const Told told = run(t, scratch.folder);
  CHECK(told.finished()["reason"] == "diverged");
  CHECK_THAT(told.finished()["message"].get<std::string>(), Catch::Contains("not finite"));
  CHECK_FALSE(std::filesystem::exists(scratch.folder / "checkpoint.safetensors"));
  CHECK(std::any_of(told.rows.begin(), told.rows.end(),
                    [](const auto& row) { return !std::isfinite(std::get<2>(row)); }));
}

TEST_CASE("an error names its place in the config") {
  const Scratch scratch;
  json t = trial_json();
  t["config"]["train"]["batch"] = 100000000;
  const Told told = run(t, scratch.folder);
  CHECK(told.finished()["reason"] == "error");
  CHECK_THAT(told.finished()["message"].get<std::string>(),
             Catch::StartsWith("/dataset: ") && Catch::Contains("fewer than a batch"));
}
