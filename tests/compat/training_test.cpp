// A short training on the digits, from the same seed.
#include <ATen/ATen.h>

#include <catch2/catch.hpp>

#include <fstream>

#include "workers.hpp"

using namespace saddle;
using namespace saddle::test;

namespace {

struct Recorded {
  std::string libtorch;
  std::map<std::string, double> values;  // by metric and step
};

Recorded train(Worker worker, const Scratch& scratch) {
  const Json grid = {
      {"name", "compat"},
      {"dataset", {{"use", "digits"}}},
      {"models",
       {{"generator", {{"use", "dcgan"}, {"width", 8}}},
        {"discriminator", {{"use", "sngan"}, {"width", 8}}}}},
      {"losses", {{{"use", "hinge"}}, {{"use", "r1"}, {"gamma", 1}}}},
      {"optimizers",
       {{"generator", {{"use", "adam"}, {"lr", 1e-4}}}, {"discriminator", {{"use", "adam"}, {"lr", 1e-4}}}}},
      {"train", {{"rounds", 20}, {"batch", 32}, {"ema", {{"decay", 0.9}}}, {"threads", 1}}},
      {"metrics", {{{"use", "frechet"}, {"every", 20}, {"samples", 200}}}},
      {"record", {{"every", 1}}},
      {"seeds", {1}}};
  const std::string file = scratch / (std::string(name_of(worker)) + ".json");
  std::ofstream(file) << grid.dump();
  const std::string db = scratch / (std::string(name_of(worker)) + ".db");
  run_saddle(worker, {"--db", db, "run", file});
  const auto ask = [&](const char* query) {
    return Json::parse(run_saddle(worker, {"--db", db, "sql", query, "--json"}));
  };
  Recorded recorded{ask("select libtorch from attempts").at(0).at("libtorch"), {}};
  for (const Json& row : ask("select metric, step, value from metrics"))
    recorded.values[row.at("metric").get<std::string>() + "@" + row.at("step").dump()] = row.at("value");
  return recorded;
}

}  // namespace

TEST_CASE("a short training on the digits gives the same under both LibTorches") {
  if (!has_older_worker()) return;
  const Scratch scratch;
  const Recorded newer = train(Worker::newer, scratch), older = train(Worker::older, scratch);
  CHECK(newer.libtorch != older.libtorch);
  REQUIRE(newer.values.size() == older.values.size());
  REQUIRE(newer.values.contains("discriminator/hinge/hinge_real@20"));
  REQUIRE(newer.values.contains("frechet@20"));
  for (const auto& [key, value] : newer.values) {
    if (key.starts_with("images_per_second")) continue;
    INFO(key);
    REQUIRE(older.values.contains(key));
    CHECK(older.values.at(key) == Approx(value).epsilon(1e-4).margin(1e-5));
  }
}
