#include <catch2/catch.hpp>

#include "program.hpp"

using namespace saddle::test;
using saddle::Json;

namespace {

// The one message for a grid that cannot be run: nothing is started, nothing is written.
std::string refused(const Json& grid, Arguments more = {}) {
  const Place place;
  Arguments run = {"run", place.write("grid.json", grid)};
  run.insert(run.end(), more.begin(), more.end());
  const auto answer = place.saddle(run);
  INFO(answer.out << answer.err);
  CHECK(answer.code == 2);
  CHECK(answer.err.find("terminate called") == std::string::npos);
  CHECK(answer.err.find("Exception raised from") == std::string::npos);
  return answer.err;
}

}  // namespace

TEST_CASE("what a grid file gets wrong is told with its place") {
  Json grid = small_grid();
  SECTION("broken JSON") {
    const Place place;
    const auto answer =
        place.saddle({"run", place.write("grid.json", std::string("{\"name\": \"x\",\n  oops}"))});
    CHECK(answer.code == 2);
    CHECK_THAT(answer.err, Catch::Contains("grid.json:2:"));
  }
  SECTION("a file that is not there") {
    const Place place;
    const auto answer = place.saddle({"run", (place / "none.json").string()});
    CHECK(answer.code == 2);
    CHECK_THAT(answer.err, Catch::Contains("none.json"));
  }
  SECTION("an unknown key") {
    grid["train"]["round"] = 10;
    CHECK_THAT(refused(grid),
               Catch::Contains("/train/round") && Catch::Contains("rounds") && Catch::Contains(".json:"));
  }
  SECTION("a wrong type") {
    grid["train"]["batch"] = "many";
    CHECK_THAT(refused(grid), Catch::Contains("/train/batch") && Catch::Contains("integer"));
  }
  SECTION("a component that is not there") {
    grid["losses"][0]["use"] = "hing";
    CHECK_THAT(refused(grid), Catch::Contains("/losses/0/use") && Catch::Contains("\"hinge\""));
  }
  SECTION("a generator that does not make the data set's shape") {
    grid["models"]["generator"] = {{"use", "dcgan"}};
    CHECK_THAT(refused(grid), Catch::Contains("/models/generator"));
  }
  SECTION("--set to nothing that exists") {
    CHECK_THAT(refused(grid, {"--set", "train.roundz=3"}),
               Catch::Contains("roundz") && Catch::Contains("rounds"));
  }
}

TEST_CASE("a database of a newer version is left alone") {
  const Place place;
  REQUIRE(place.saddle({"run", place.write("grid.json", small_grid())}).code == 0);
  place.sqlite("pragma user_version = 999");
  const auto answer = place.saddle({"ls"});
  CHECK(answer.code == 3);
  CHECK_THAT(answer.err, Catch::Contains("999"));
}
