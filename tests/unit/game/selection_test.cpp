// Instance selection: densities against scikit-learn's (tests/reference/selection_reference.py), and trials
// that train on what remains.
#include <ATen/ATen.h>

#include <catch2/catch.hpp>

#include <fstream>

#include <common/paths.hpp>
#include <game/density.hpp>
#include <game/game.hpp>
#include <game/measure.hpp>
#include <game/prove.hpp>
#include <game/selection.hpp>
#include <train/safetensors.hpp>

#include "trial_fixture.hpp"

using namespace saddle::worker;
using saddle::test::entry;
using saddle::test::json;
using saddle::test::OwnCache;
using saddle::test::Scratch;
using saddle::test::trial_json;

namespace {

at::Tensor rows_of(const json& list) {
  std::vector<at::Tensor> all;
  for (const json& row : list) all.push_back(at::tensor(row.get<std::vector<double>>(), at::kDouble));
  return at::stack(all);
}

double worst(const at::Tensor& found, const json& expected) {
  const at::Tensor other = at::tensor(expected.get<std::vector<double>>(), at::kDouble);
  return ((found - other).abs() / other.abs().clamp_min(1)).max().item<double>();
}

json select(const char* score, double keep) {
  return {{"score", score},   {"keep", keep},    {"features", "pixels"},  {"per_class", true},
          {"variance", 0.95}, {"neighbours", 5}, {"regularisation", 1e-5}};
}

json proof(const json& trial) {
  return prove({{"id", 1}, {"config", trial["config"]}, {"plugins", trial["plugins"]}});
}

// Points in 8 modes, 100 of each.
json small_trial() {
  json t = trial_json();
  t["config"]["dataset"]["count"] = 800;
  return t;
}

}  // namespace

TEST_CASE("densities for instance selection are scikit-learn's") {
  const json cases =
      json::parse(std::ifstream(std::string(SADDLE_TEST_REFERENCE) + "/selection_reference.json"));
  REQUIRE(cases.size() == 2);
  for (const json& c : cases) {
    const at::Tensor rows = rows_of(c["rows"]);
    CHECK(worst(gaussian_density(rows, 1e-5), c["gaussian"]) < 1e-7);
    CHECK(worst(ppca_density(rows, 0.95), c["ppca"]) < 1e-7);
    CHECK(worst(neighbour_density(rows, 5), c["knn"]) < 1e-9);
  }
  CHECK_THROWS_WITH(neighbour_density(at::zeros({5, 2}), 5), Catch::Contains("needs at least 6 samples"));
  CHECK_THROWS_WITH(gaussian_density(at::zeros({5, 2}), 0), Catch::Contains("singular"));
  // All the same: no sample is denser than another.
  CHECK(ppca_density(at::ones({4, 3}), 0.95).std().item<double>() == 0);
}

TEST_CASE("a trial is trained on the densest samples of each class, and measured against all") {
  const Scratch scratch;
  const OwnCache cache(scratch.folder);
  json t = small_trial();
  auto& c = t["config"];
  c["train"]["batch"] = 16;
  const json plain = t;
  const std::string score = GENERATE("gaussian", "ppca", "knn");
  c["dataset"]["select"] = select(score.c_str(), 0.25);
  Game game(Trial::from_json(t)), whole(Trial::from_json(plain));
  const int64_t all = whole.data().size(), classes = whole.dataset().info().classes;
  CHECK(game.data().size() == all);
  const Batch kept = game.data().take_selected(all), everything = game.data().take(all);
  CHECK(at::equal(everything.image, whole.data().take(all).image));
  const at::Tensor counts = kept.label.bincount(), before = everything.label.bincount();
  for (int64_t label = 0; label < classes; ++label)
    CHECK(counts[label].item<int64_t>() == std::llround(0.25 * before[label].item<double>()));
  // The densest of a mode are the nearest to its middle, more or less.
  const auto away = [&](const Batch& some, int64_t label) {
    const at::Tensor mine = everything.image.index({everything.label.eq(label)});
    return (some.image.index({some.label.eq(label)}) - mine.mean(0)).norm(2, {1}).mean().item<double>();
  };
  for (int64_t label = 0; label < classes; ++label) CHECK(away(kept, label) < 0.75 * away(everything, label));
  // Every batch is of those.
  const auto is_kept = [&](const at::Tensor& x) {
    return at::cdist(x, kept.image, 2, 2).amin(1).eq(0).all().item<bool>();
  };
  const int64_t batches = kept.image.size(0) / 16;
  bool only_kept = true;
  for (int64_t i = 0; i < batches + 2; ++i) only_kept = only_kept && is_kept(game.data().next().image);
  CHECK(only_kept);
  CHECK_FALSE(is_kept(whole.data().next().image));

  // The scores are kept: what lies there is what counts, whatever share is asked for.
  const auto folder = scratch.folder / "saddle" / "selections";
  REQUIRE(std::distance(std::filesystem::directory_iterator(folder), {}) == 1);
  const auto file = std::filesystem::directory_iterator(folder)->path();
  auto known = saddle::train::read_safetensors(file).tensors;
  const at::Tensor scores = known.at("scores").clone();
  known["scores"] = -scores;
  saddle::train::write_safetensors(file, known);
  c["dataset"]["select"]["keep"] = 0.5;
  Game turned(Trial::from_json(t));
  CHECK(away(turned.data().take_selected(all), 0) > away(everything, 0));
  // A damaged file is made anew.
  std::ofstream(file) << "no tensors";
  Game again(Trial::from_json(t));
  CHECK(away(again.data().take_selected(all), 0) < away(everything, 0));
  CHECK(at::equal(saddle::train::read_safetensors(file).tensors.at("scores"), scores));
  // What the scores depend on has a file of its own.
  c["dataset"]["select"]["per_class"] = false;
  Game together(Trial::from_json(t));
  CHECK(together.data().take_selected(all).image.size(0) == all / 2);
  CHECK(std::distance(std::filesystem::directory_iterator(folder), {}) == 2);
}

TEST_CASE("a proof tells what a selection leaves, and refuses one that leaves too little") {
  const Scratch scratch;
  const OwnCache cache(scratch.folder);
  json t = small_trial();
  auto& c = t["config"];
  const int64_t all = Game(Trial::from_json(t)).data().size();
  c["dataset"]["select"] = select("gaussian", 0.5);
  const json answer = proof(t);
  REQUIRE(answer["ok"] == true);
  CHECK(answer["selected"] == json{{"kept", all / 2}, {"of", all}, {"exact", true}});
  CHECK_FALSE(std::filesystem::exists(scratch.folder / "saddle" / "selections"));  // no score was needed
  c["train"]["batch"] = all / 2 + 1;
  CHECK_THAT(proof(t).value("message", ""), Catch::Contains("fewer than a batch"));
  CHECK(proof(t)["pointer"] == "/dataset/select/keep");
  c["train"]["batch"] = 8;
  c["dataset"]["select"]["keep"] = 1e-4;
  CHECK_THAT(proof(t).value("message", ""),
             Catch::Contains("leaves nothing of the") && Catch::Contains("of class 0"));
}

TEST_CASE("metrics say when their real samples are the selected ones") {
  const Scratch scratch;
  const OwnCache cache(scratch.folder);
  json t = small_trial();
  auto& c = t["config"];
  c["dataset"]["select"] = select("gaussian", 0.5);
  json metric = entry(t, "metric", "frechet",
                      {{"every", 0}, {"samples", 64}, {"features", "pixels"}, {"weights", "raw"}});
  c["metrics"] = {metric};
  metric["selected"] = true;
  c["metrics"].push_back(metric);
  std::vector<json> protocols;
  const auto measure = [&] {
    protocols.clear();
    const Trial trial = Trial::from_json(t);
    Game game(trial);
    Measuring(trial, game).evaluate({}, [&](const std::string&, double, const json& protocol) {
      protocols.push_back(protocol);
    });
  };
  measure();
  REQUIRE(protocols.size() == 2);
  const json unselected = protocols[0], selected = protocols[1];
  CHECK(selected["split"] == "train, selected");
  CHECK(selected["dataset"]["select"]["keep"] == 0.5);
  CHECK(2 * selected["real"].get<int64_t>() == unselected["real"].get<int64_t>());
  // Without the key the protocol is that of a trial that selects nothing.
  c["dataset"].erase("select");
  c["metrics"].erase(1);
  measure();
  CHECK(protocols[0] == unselected);
  c["metrics"][0]["selected"] = true;
  CHECK_THROWS_WITH(measure(), Catch::Contains("there is no dataset.select"));
}
