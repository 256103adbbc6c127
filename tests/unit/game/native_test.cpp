// The bundled native components against the core ones: the same numbers, bit for bit.
#include <ATen/ATen.h>

#include <catch2/catch.hpp>

#include <algorithm>

#include <game/game.hpp>

#include "trial_fixture.hpp"

using namespace saddle::test;

namespace {

using Rows = std::vector<std::tuple<std::string, int64_t, double>>;

// dcgan or native_dcgan on small pictures, started with the same weights: the host draws them for both.
json dcgan_trial(const std::string& model, const Scratch& pictures, const json& models = json::object()) {
  write_idx(pictures.folder);
  json t = trial_json();
  json& c = t["config"];
  c["dataset"] = entry(t, "dataset", "idx", {{"path", pictures.folder.string()}});
  for (const char* player : {"generator", "discriminator"}) {
    json given = {{"width", 4}, {"role", player}, {"init", "orthogonal"}, {"norm", "default"}};
    given.update(models.value(player, json::object()));
    c["models"][player] = entry(t, "model", model, given);
  }
  c["metrics"] = {
      entry(t, "metric", "frechet",
            {{"every", 4}, {"samples", 64}, {"features", "pixels"}, {"weights", "ema"}}),
      entry(t, "metric", "frechet",
            {{"every", 6}, {"samples", 64}, {"features", "discriminator.features"}, {"weights", "raw"}})};
  return t;
}

Rows rows_of(const json& trial) {
  const Scratch folder;
  const Told told = run(trial, folder.folder);
  REQUIRE(told.finished()["reason"] == "ok");
  return told.rows;
}

bool has(const Rows& rows, const std::string& name) {
  return std::any_of(rows.begin(), rows.end(), [&](const auto& r) { return std::get<0>(r) == name; });
}

}  // namespace

TEST_CASE("a native model trains and is measured like the core one, to the bit") {
  const Scratch pictures;
  json models = json::object();
  json changes = json::object();
  SECTION("as it comes") {}
  SECTION("gradient penalty through spectral norm, whose vectors move in every update") {
    models["discriminator"] = {{"norm", "spectral"}, {"batch_norm", false}, {"slope", 0.2}};
    changes = {{"updates", {{"discriminator", 2}, {"generator", 1}}},
               {"spectral_norm", {{"iterations", 2}, {"update", "every"}, {"eps", 1e-12}}}};
  }
  SECTION("weight norm") {
    models["generator"] = {{"norm", "weight"}};
    models["discriminator"] = {{"norm", "weight"}};
  }
  SECTION("channels last, bfloat16, one pass") {
    changes = {{"memory_format", "channels_last"}, {"precision", "bfloat16"}, {"pass", "joint"}};
  }
  json core = dcgan_trial("dcgan", pictures, models), native = dcgan_trial("native_dcgan", pictures, models);
  for (json* t : {&core, &native}) {
    (*t)["config"]["train"].update(changes);
    if (models.contains("discriminator") && models["discriminator"]["norm"] == "spectral")
      (*t)["config"]["losses"] = {entry(*t, "loss", "wasserstein", {{"weight", 1.0}}),
                                  entry(*t, "loss", "gradient_penalty", {{"weight", 1.0}})};
  }
  const Rows expected = rows_of(core);
  CHECK(has(expected, "frechet"));
  const bool same = rows_of(native) == expected;
  CHECK(same);
}

TEST_CASE("one native player among core ones gives the same numbers, too") {
  const Scratch pictures;
  const json core = dcgan_trial("dcgan", pictures);
  json mixed = core;
  json native = dcgan_trial("native_dcgan", pictures);
  mixed["plugins"].update(native["plugins"]);
  mixed["config"]["models"]["generator"] = native["config"]["models"]["generator"];
  const bool same = rows_of(mixed) == rows_of(core);
  CHECK(same);
}

TEST_CASE("a native loss gives the numbers of the core one") {
  const Scratch pictures;
  json core = dcgan_trial("dcgan", pictures), native = core;
  native["config"]["losses"] = {entry(native, "loss", "native_hinge", {{"weight", 1.0}})};
  Rows expected = rows_of(core);
  for (auto& [name, step, value] : expected)
    if (const size_t at = name.find("/hinge/"); at != std::string::npos)
      name.replace(at, 7, "/native_hinge/");
  REQUIRE(has(expected, "discriminator/native_hinge/hinge_real"));
  const bool same = rows_of(native) == expected;
  CHECK(same);
}

TEST_CASE("a native model goes on from a checkpoint with the same bits") {
  const Scratch pictures, part, rest;
  json t = dcgan_trial("native_dcgan", pictures, {{"discriminator", {{"norm", "spectral"}}}});
  for (const char* player : {"generator", "discriminator"}) t["config"]["models"][player]["init"] = "default";
  const Rows straight = rows_of(t);
  json half = t;
  half["config"]["train"]["rounds"] = 6;
  run(half, part.folder);
  const Told resumed = run(t, rest.folder, part.folder / "checkpoint.safetensors");
  CHECK(resumed.events.front()["resumed_from_step"] == 6);
  Rows expected;
  std::copy_if(straight.begin(), straight.end(), std::back_inserter(expected),
               [](const auto& row) { return std::get<1>(row) > 6; });
  REQUIRE(has(expected, "generator/total"));
  const bool same = resumed.rows == expected;
  CHECK(same);
}

TEST_CASE("a native model keeps its own initial weights, which the seed and the player decide") {
  const Scratch pictures;
  json t = dcgan_trial("native_dcgan", pictures);
  t["config"]["models"]["generator"]["init"] = "default";
  const auto weight = [](const json& trial) {
    saddle::worker::Game game(saddle::worker::Trial::from_json(trial));
    return game.players().at("generator")->model.set.tensors().at("up0.weight").detach().clone();
  };
  const at::Tensor first = weight(t);
  // (8, 4, 4, 4): orthonormal rows, as the module made them.
  const at::Tensor matrix = first.flatten(1);
  CHECK(at::allclose(matrix.matmul(matrix.t()), at::eye(matrix.size(0)), 1e-4, 1e-5));
  json other_rival = t;
  other_rival["config"]["models"]["discriminator"]["init"] = "default";
  CHECK(at::equal(first, weight(other_rival)));
  t["seed"] = 4;
  CHECK_FALSE(at::equal(first, weight(t)));
}
