#include <ATen/ATen.h>

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

#include <bridge/trial_services.hpp>
#include <common/paths.hpp>
#include <common/sha256.hpp>
#include <game/game.hpp>
#include <image/sheet.hpp>
#include <train/random.hpp>

#include "trial_fixture.hpp"

using namespace saddle::worker;
using namespace saddle::test;
using Rows = std::vector<std::tuple<std::string, int64_t, double>>;

namespace {

json fixture(json& trial, const std::string& file, const std::string& kind, const std::string& name,
             json given = json::object()) {
  const auto& component = find_component(file, kind, name);
  for (const auto& [key, schema] : component.description["parameters"]["properties"].items())
    if (!given.contains(key)) given[key] = schema["default"];
  given["use"] = name;
  trial["plugins"][kind + "/" + name] = file;
  return given;
}

json sgd(double lr) {
  return {{"use", "sgd"},      {"lr", lr},
          {"momentum", 0.0},   {"dampening", 0.0},
          {"nesterov", false}, {"weight_decay", 0.0},
          {"clip_norm", 0.0},  {"schedule", {{"use", "constant"}, {"warmup", 0}}}};
}

Rows rows_of(const Told& told, const std::string& name) {
  Rows rows;
  for (const auto& row : told.rows)
    if (std::get<0>(row) == name) rows.push_back(row);
  return rows;
}

json recording(const Scratch& scratch) {
  json t = trial_json();
  const std::string notes = (scratch.folder / "the notes.txt").string();
  t["config"]["losses"].push_back(
      fixture(t, RECORDING, "loss", "recording", {{"weight", 1.0}, {"notes", notes}}));
  return t;
}

}  // namespace

TEST_CASE("a component records scalars, pictures and files with the trial") {
  const Scratch scratch;
  const Told told = run(recording(scratch), scratch.folder / "attempt");
  REQUIRE(told.finished()["reason"] == "ok");
  CHECK(rows_of(told, "recording/made").size() == 1);
  CHECK(std::get<1>(rows_of(told, "recording/made")[0]) == 0);
  const Rows draws = rows_of(told, "discriminator/recording/draw");
  REQUIRE(draws.size() == 12);
  for (int64_t i = 0; i < 12; ++i) CHECK(std::get<1>(draws[static_cast<size_t>(i)]) == i + 1);
  CHECK(std::get<2>(draws[0]) != std::get<2>(draws[1]));

  std::map<std::string, json> artifacts;
  for (const json& a : told.artifacts) artifacts[a["path"]] = a;
  for (const char* name : {"discriminator-recording-map-6.png", "discriminator-recording-maps-11.png",
                           "discriminator-recording-notes-1.txt"}) {
    INFO(name);
    REQUIRE(artifacts.contains(name));
    CHECK(saddle::sha256_file(scratch.folder / "attempt" / name) == artifacts[name]["sha256"]);
  }
  CHECK(artifacts["discriminator-recording-map-6.png"]["kind"] == "picture");
  CHECK(artifacts["discriminator-recording-map-6.png"]["name"] == "discriminator/recording/map");
  CHECK(artifacts["discriminator-recording-map-6.png"]["step"] == 6);
  CHECK(artifacts["discriminator-recording-notes-1.txt"]["kind"] == "file");
  CHECK(artifacts["discriminator-recording-notes-1.txt"]["media_type"] == "text/plain");
  CHECK(saddle::read_file(scratch.folder / "attempt" / "discriminator-recording-notes-1.txt") == "round 0\n");
}

TEST_CASE("what a component draws and records is the same again, also in a trial that was resumed") {
  const Scratch scratch;
  const json t = recording(scratch);
  const Told straight = run(t, scratch.folder / "whole");
  const bool same_again = straight.rows == run(t, scratch.folder / "again").rows;
  CHECK(same_again);
  json half = t;
  half["config"]["train"]["rounds"] = 6;
  run(half, scratch.folder / "part");
  const Told resumed = run(t, scratch.folder / "rest", scratch.folder / "part" / "checkpoint.safetensors");
  Rows expected;
  for (const auto& row : straight.rows)
    if (std::get<1>(row) > 6 || std::get<1>(row) == 0) expected.push_back(row);
  const bool same = resumed.rows == expected;
  CHECK(same);
  json other = t;
  other["seed"] = 99;
  const bool differs = rows_of(run(other, scratch.folder / "other"), "discriminator/recording/draw") !=
                       rows_of(straight, "discriminator/recording/draw");
  CHECK(differs);
}

TEST_CASE("what metrics draw changes nothing in the training") {
  const Scratch scratch;
  json t = recording(scratch);
  t["config"]["metrics"] = {
      fixture(t, RECORDING, "metric", "interrupted",
              {{"every", 0}, {"samples", 8}, {"features", "pixels"}, {"weights", "raw"}})};
  const Told seldom = run(t, scratch.folder / "seldom");
  t["config"]["metrics"][0]["every"] = 1;
  const Told often = run(t, scratch.folder / "often");
  CHECK(rows_of(often, "interrupted/draw").size() == 13);
  const bool same =
      rows_of(often, "discriminator/recording/draw") == rows_of(seldom, "discriminator/recording/draw");
  CHECK(same);
}

TEST_CASE("a component that stops when the trial is to end cancels its attempt") {
  const Scratch scratch;
  json t = trial_json();
  t["config"]["dataset"] = fixture(t, RECORDING, "dataset", "endless", {{"raise", true}});
  const Told told = run(t, scratch.folder);
  CHECK(told.finished()["reason"] == "cancelled");
  CHECK_THAT(told.finished()["message"].get<std::string>(), Catch::Contains("dataset 'endless'"));
  REQUIRE(told.events.size() == 2);
  CHECK(told.events[0]["type"] == "progress");
  CHECK(told.events[0]["component"] == "endless");
  CHECK(told.events[0]["what"] == "reading");
}

TEST_CASE("a measurement that was cut short is made first by the next attempt, from the same weights") {
  const Scratch scratch;
  json t = trial_json();
  t["config"]["metrics"] = {
      fixture(t, RECORDING, "metric", "interrupted",
              {{"every", 5}, {"samples", 8}, {"features", "pixels"}, {"weights", "raw"}})};
  t["config"]["record"]["every"] = 5;
  const Told straight = run(t, scratch.folder / "straight");
  t["config"]["metrics"][0]["raise"] = true;
  const Told cut = run(t, scratch.folder / "cut");
  CHECK(cut.finished()["reason"] == "cancelled");
  CHECK(cut.finished()["step"] == 5);
  CHECK(rows_of(cut, "interrupted").empty());
  t["config"]["metrics"][0]["raise"] = false;
  const Told resumed = run(t, scratch.folder / "rest", scratch.folder / "cut" / "checkpoint.safetensors");
  CHECK(resumed.finished()["reason"] == "ok");
  // The numbers of round 5 are the resumed attempt's, all of them.
  CHECK(resumed.events.front()["resumed_from_step"] == 4);
  const Rows expected = rows_of(straight, "interrupted");
  REQUIRE(expected.size() == 3);
  // Another protocol, as the metric's parameters are part of it; the same numbers.
  const bool same = rows_of(resumed, "interrupted") == expected;
  CHECK(same);
  Rows totals;
  for (const auto& row : rows_of(straight, "generator/total"))
    if (std::get<1>(row) >= 5) totals.push_back(row);
  CHECK(totals.size() == 3);
  const bool same_totals = rows_of(resumed, "generator/total") == totals;
  CHECK(same_totals);
}

TEST_CASE("a data set that is read on another thread may tell how far it is, but records nothing") {
  struct Services final : TrialServices {
    std::string told;
    bool cancelled() const override { return false; }
    void progress(const std::string& component, const std::string& what, int64_t, int64_t) override {
      told = component + "/" + what;
    }
    void scalar(const std::string& name, double) override { told = name; }
    void picture(const std::string&, const at::Tensor&) override {}
    void file(const std::string&, const std::filesystem::path&, const std::string&) override {}
  } services;
  const InTrial in_trial(services);
  const Dataset dataset(find_component(RECORDING, "dataset", "talkative"), json::object(), json::object());
  DataSource source(dataset, 16, 1, /*keep_bytes=*/0);
  source.next();  // on this thread
  CHECK(services.told == "talkative/filled");
  CHECK_THROWS_WITH(source.next(), Catch::StartsWith("dataset 'talkative': scalar is for the thread"));
  CHECK(services.told == "talkative/filling");
}

TEST_CASE("penalties on raw and on normalised weights reach the raw parameters") {
  const std::string norm = GENERATE("none", "spectral", "weight");
  INFO(norm);
  json t = trial_json();
  t["config"]["models"]["discriminator"]["norm"] = norm;
  t["config"]["losses"] = {fixture(t, WEIGHT_PENALTY, "loss", "weight_penalty", {{"weight", 1.0}})};
  for (const char* player : {"generator", "discriminator"}) t["config"]["optimizers"][player] = sgd(0.1);
  t["config"]["train"]["order"] = {"discriminator"};
  Game game(Trial::from_json(t));
  auto& set = game.players().at("discriminator")->model.set;
  std::vector<at::Tensor> before;
  std::vector<at::Tensor> lengths;
  for (const auto& p : set.parameters()) {
    before.push_back(p.raw.detach().clone());
    lengths.push_back(p.g.defined() ? p.g.detach().clone() : at::Tensor());
  }
  Record record;
  Fault fault;
  REQUIRE(game.play(0, &record, &fault));

  double raw_sum = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    const auto& p = set.parameters()[i];
    if (p.spec.layout != saddle::train::Layout::linear) {
      CHECK(at::equal(p.raw.detach(), before[i]));
      continue;
    }
    raw_sum += before[i].square().sum().item<double>();
    // By hand: the gradient of sum W^2 + sum f(W), u and v as the update left them.
    const at::Tensor w = before[i].to(at::kDouble).requires_grad_(true);
    at::Tensor effective = w;
    if (norm == "spectral")
      effective = w / (p.singular.u.to(at::kDouble) * w * p.singular.v.to(at::kDouble)).sum();
    if (norm == "weight") effective = lengths[i].to(at::kDouble) * w / w.norm(2, {1}, true);
    const at::Tensor total = w.square().sum() + effective.sum();
    total.backward();
    CHECK(
        at::allclose(p.raw.detach().to(at::kDouble), before[i].to(at::kDouble) - 0.1 * w.grad(), 1e-4, 1e-5));
  }
  for (const auto& [name, value] : record)
    if (name == "discriminator/weight_penalty/raw") CHECK(value.item<double>() == Approx(raw_sum));
}

TEST_CASE("a model's weights are shown to every player, and a game's models are known by name") {
  json t = trial_json();
  t["config"]["losses"].push_back(fixture(t, WEIGHT_PENALTY, "loss", "weight_penalty", {{"weight", 1.0}}));
  Game game(Trial::from_json(t));
  Record record;
  Fault fault;
  REQUIRE(game.play(0, &record, &fault));
  CHECK(game.facts()["models"] == json({"discriminator", "generator"}));
}
