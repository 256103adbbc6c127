// Attempts that are forked from a loaded worker are those of a worker of their own.
#include <catch2/catch.hpp>

#include <cstdlib>

#include "program.hpp"

using namespace saddle::test;
using saddle::Json;

namespace {

// Everything that training can differ by: convolutions, averages, norms, threads.
Json grid(int threads) {
  Json grid = small_grid();
  grid["dataset"] = {{"use", "digits"}};
  grid["models"] = {{"generator", {{"use", "sngan"}, {"width", 8}}},
                    {"discriminator", {{"use", "sngan"}, {"width", 8}}}};
  grid["losses"] = {{{"use", "hinge"}}, {{"use", "r1"}}};
  grid["train"] = {{"rounds", 3}, {"batch", 16}, {"threads", threads}, {"ema", {{"decay", 0.9}}}};
  grid["metrics"] = {{{"use", "frechet"}, {"every", 3}, {"samples", 64}}};
  grid["record"] = {{"every", 1}};
  grid["seeds"] = {1, 2};
  return grid;
}

struct Outcome {
  Json numbers, checkpoints;
};

Outcome outcome(const Json& grid, Arguments how) {
  const Place place;
  Arguments command = {"run", place.write("grid.json", grid)};
  command.insert(command.end(), how.begin(), how.end());
  const auto answer = place.saddle(command);
  INFO(answer.out << answer.err);
  REQUIRE(answer.code == 0);
  CHECK(answer.out.find("one by one") == std::string::npos);
  return {place.sql("select t.name, metric, step, m.value from metrics m join trials t on t.trial = m.trial "
                    "where metric != 'images_per_second' order by 1, 2, 3"),
          place.sql(
              "select trial_name, path, sha256 from (select trial_name, name as path, sha256 from artifacts "
              "where kind in ('checkpoint', 'samples')) order by 1, 2")};
}

}  // namespace

TEST_CASE("forked and cold attempts have the same bits") {
  ::setenv("OMP_WAIT_POLICY", "passive",
           1);  // two threads that spin for each other take seconds on a busy machine
  for (const int threads : {1, 2}) {
    INFO(threads << " threads");
    const Outcome forked = outcome(grid(threads), {}), cold = outcome(grid(threads), {"--cold"});
    CHECK(forked.numbers.size() > 40);
    const bool same_numbers = forked.numbers == cold.numbers;
    CHECK(same_numbers);
    CHECK(forked.checkpoints == cold.checkpoints);
    CHECK(forked.checkpoints.size() == 4);
  }
}
