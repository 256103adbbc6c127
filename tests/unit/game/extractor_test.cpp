#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <fstream>
#include <thread>

#include <catch2/catch.hpp>

#include <common/sha256.hpp>
#include <game/extractor.hpp>
#include <game/game.hpp>
#include <game/measure.hpp>
#include <game/sampling.hpp>
#include <train/random.hpp>
#include <train/safetensors.hpp>

#include "trial_fixture.hpp"

using namespace saddle;
using namespace saddle::test;
using namespace saddle::worker;

namespace {

json features_entry(json& trial, const json& given) {
  json e = given;
  e["use"] = "efficientnet_lite0";
  e.update({{"output", "features"}}, false);
  json whole = entry(trial, "model", "efficientnet_lite0", e);
  return whole;
}
DatasetInfo pictures_of(std::vector<int64_t> shape) {
  DatasetInfo info;
  info.dtype = at::kByte;
  info.shape = std::move(shape);
  return info;
}

}  // namespace

TEST_CASE("an extractor resizes, takes grey pictures, and computes a set once") {
  json config = trial_json();
  const json e = features_entry(config, {{"weights", "random"}, {"size", 16}});
  const Trial trial = Trial::from_json(config);
  Extractor extractor(trial, e, pictures_of({1, 8, 8}));
  CHECK(extractor.resize() == "clean 16");
  CHECK(extractor.protocol()["extractor"] == "efficientnet_lite0@1");
  extractor.want("logits");
  const at::Tensor grey = at::rand({40, 1, 8, 8}) * 2 - 1;
  const at::Tensor features = extractor.features(grey, "features"),
                   logits = extractor.features(grey, "logits");
  CHECK(features.sizes() == at::IntArrayRef({40, 1280}));
  CHECK(logits.sizes() == at::IntArrayRef({40, 1000}));
  CHECK_FALSE(features.requires_grad());
  CHECK(extractor.features(grey, "features").is_same(features));
  CHECK_FALSE(at::allclose(features[0], features[1]));

  // As uint8 files would hold them, and whatever stands beside them in the batch.
  const at::Tensor again = extractor.features(quantised(grey, at::kByte).slice(0, 5, 25), "features");
  CHECK(at::allclose(again, features.slice(0, 5, 25), 1e-4, 1e-5));

  Extractor other(trial, e, pictures_of({3, 8, 8}));
  CHECK(at::allclose(other.features(grey.expand({-1, 3, -1, -1}), "features"), features, 1e-4, 1e-5));
  CHECK_THROWS_WITH(other.features(grey, "nothing"), Catch::Contains("gives no output \"nothing\""));
  CHECK_THROWS_WITH(Extractor(trial, e, pictures_of({2})), Catch::Contains("it takes pictures"));
}

TEST_CASE("an extractor's weights are those that were planned") {
  const Scratch scratch;
  const auto file = scratch.folder / "w.safetensors";
  std::ofstream(file) << "some weights";
  json config = trial_json();
  json e = features_entry(config, {{"weights", file.string()}, {"size", 16}});
  e["sha256"] = sha256("other weights");
  const Trial trial = Trial::from_json(config);
  CHECK_THROWS_WITH(
      Extractor(trial, e, pictures_of({3, 8, 8})),
      Catch::Contains("are not those that were planned") && Catch::Contains(sha256("some weights")));
  e["sha256"] = sha256("some weights");
  CHECK_THROWS_WITH(Extractor(trial, e, pictures_of({3, 8, 8})), Catch::Contains("w.safetensors"));
  CHECK(Extractor::key({{"use", "a"}, {"output", "x"}}) == Extractor::key({{"use", "a"}, {"output", "y"}}));
}

TEST_CASE("features of real samples are kept for the next trial, and for no other data") {
  const Scratch scratch;
  const OwnCache cache(scratch.folder);
  const auto folder = scratch.folder / "saddle" / "features";
  // The safetensors files: locks lie there, too.
  const auto kept = [&] {
    std::vector<std::filesystem::path> files;
    for (const auto& file : std::filesystem::directory_iterator(folder))
      if (file.path().extension() == ".safetensors") files.push_back(file.path());
    return files;
  };
  json config = trial_json();
  const json e = features_entry(config, {{"weights", "random"}, {"size", 16}});
  const Trial trial = Trial::from_json(config);
  const at::Tensor real = at::rand({9, 3, 8, 8}) * 2 - 1;
  const auto fresh = [&](const json& given, const at::Tensor& samples, bool is_real = true) {
    return Extractor(trial, given, pictures_of({3, 8, 8})).features(samples, "features", is_real);
  };
  const at::Tensor first = fresh(e, real);
  REQUIRE(kept().size() == 1);
  CHECK(at::equal(fresh(e, real.clone()), first));
  CHECK(at::equal(fresh(e, real, false), first));  // what is not real is computed
  CHECK(kept().size() == 1);

  // What lies there is what counts, so it was read.
  const auto file = kept().front();
  saddle::train::write_safetensors(file, {{"features", first + 1}});
  CHECK(at::equal(fresh(e, real), first + 1));
  CHECK(at::equal(fresh(e, real, false), first));
  // A damaged file is made anew, as is one of another number of samples.
  std::ofstream(file) << "no tensors";
  CHECK(at::equal(fresh(e, real), first));
  saddle::train::write_safetensors(file, {{"features", first.slice(0, 1)}});
  CHECK(at::equal(fresh(e, real), first));
  CHECK(kept().size() == 1);

  // One pixel, another order, another size, another output: each has a file of its own.
  at::Tensor changed = real.clone();
  changed[4][1][2][3] = -changed[4][1][2][3];
  CHECK_FALSE(at::equal(fresh(e, changed), first));
  CHECK(kept().size() == 2);
  CHECK(at::allclose(fresh(e, real.flip(0)), first.flip(0), 1e-4, 1e-5));
  CHECK(kept().size() == 3);
  CHECK_FALSE(at::equal(fresh(features_entry(config, {{"weights", "random"}, {"size", 12}}), real), first));
  CHECK(kept().size() == 4);
  Extractor both(trial, e, pictures_of({3, 8, 8}));
  both.want("logits");
  CHECK(at::equal(both.features(real, "features", true), first));
  CHECK(kept().size() == 5);

  // Several at a time: one computes, and all have the same.
  std::filesystem::remove_all(folder);
  std::vector<at::Tensor> found(4);
  std::vector<std::thread> threads;
  int computed = 0;
  for (at::Tensor& mine : found)
    threads.emplace_back([&] {
      mine = kept_features("same", real, {"a"}, [&] {
               ++computed;
               return Features{{"a", real.flatten(1) * 2}};
             }).at("a");
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(computed == 1);
  for (const at::Tensor& mine : found) CHECK(at::equal(mine, real.flatten(1) * 2));

  // A folder that cannot be made is as good as none.
  std::filesystem::remove_all(scratch.folder / "saddle");
  std::ofstream(scratch.folder / "saddle") << "a file";
  CHECK(at::equal(fresh(e, real), first));
}

TEST_CASE("a conditional discriminator measures pictures with their labels") {
  const Scratch scratch;
  write_idx(scratch.folder);
  json t = trial_json();
  json& c = t["config"];
  c["dataset"] = entry(t, "dataset", "idx", {{"path", scratch.folder.string()}});
  for (const char* player : {"generator", "discriminator"}) {
    c["models"][player] = entry(t, "model", "sngan", {{"width", 4}, {"conditional", true}});
    c["models"][player].update({{"role", player}, {"init", "default"}, {"norm", "default"}});
  }
  c["metrics"] = {entry(t, "metric", "frechet")};
  c["metrics"][0].update(
      {{"every", 0}, {"samples", 20}, {"features", "discriminator.logit"}, {"weights", "raw"}});
  const Trial trial = Trial::from_json(t);
  Game game(trial);
  Measuring measuring(trial, game);
  double found = -1;
  measuring.evaluate({}, [&](const std::string&, double value, const json&) { found = value; });

  const at::NoGradGuard no_grad;
  const Batch real = game.data().take(50000);
  const auto seed = static_cast<uint64_t>(trial.seed);
  const Batch fake = Sampler(game, Sampling::from_json(c["metrics"][0]), seed)
                         .draw(20, saddle::train::make_generator(seed, "measure"));
  const auto features = [&](const Batch& set, bool labels) {
    return game
        .features("discriminator.logit", quantised(set.image, at::kByte), labels ? set.label : at::Tensor())
        .contiguous();
  };
  const Metric metric(trial.component("metric", c["metrics"][0]), json::object(), game.facts());
  metric.reference(features(real, true), {});
  CHECK(metric.measure(features(fake, true), {}).at(0).second == Approx(found).epsilon(1e-9));
  // Other classes give other logits: the labels were seen.
  const Batch other{fake.image, (fake.label + 1).remainder(10)};
  CHECK(metric.measure(features(other, true), {}).at(0).second != Approx(found).epsilon(1e-3));
}

TEST_CASE("a protocol says which way is better where the metric says so") {
  json t = trial_json();
  json& c = t["config"];
  t["plugins"]["metric/closeness"] = CLOSENESS;
  c["metrics"] = {
      {{"use", "closeness"}, {"every", 0}, {"samples", 50}, {"features", "pixels"}, {"weights", "raw"}},
      entry(t, "metric", "modes")};
  c["metrics"][1].update({{"every", 0}, {"samples", 50}, {"features", "pixels"}, {"weights", "raw"}});
  const Trial trial = Trial::from_json(t);
  Game game(trial);
  std::map<std::string, json> better;
  Measuring(trial, game).evaluate({}, [&](const std::string& name, double, const json& protocol) {
    better[name] = protocol.value("better", json());
  });
  CHECK(better.at("closeness") == "higher");
  CHECK(better.at("apart") == nullptr);
  // Known before descriptions said it: its protocol stays what it was, and old rows comparable.
  CHECK(better.at("modes_covered") == nullptr);
}
