#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <fstream>

#include <catch2/catch.hpp>

#include <common/sha256.hpp>
#include <game/extractor.hpp>
#include <game/measure.hpp>

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
