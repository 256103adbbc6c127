#include <catch2/catch.hpp>

#include <filesystem>

#include <common/paths.hpp>

#include "program.hpp"

using namespace saddle::test;
using saddle::Json;
namespace fs = std::filesystem;

// Columns come in the order of their names. Each file of grids/ holds {"grid" or "experiment", "set", "runs":
// [{"code", "says"}], "rows": {query: rows}}.
TEST_CASE("grids leave the rows they should") {
  for (const auto& file : fs::directory_iterator(GRIDS)) {
    DYNAMIC_SECTION(file.path().stem().string()) {
      const Json test = Json::parse(saddle::read_file(file.path()));
      const Place place;
      const std::string grid = test.contains("experiment")
                                   ? (fs::path(EXPERIMENTS) / test["experiment"].get<std::string>()).string()
                                   : place.write("grid.json", test["grid"]);
      Arguments run = {"run", grid};
      for (const std::string set : test.value("set", Json::array())) run.insert(run.end(), {"--set", set});
      for (const Json& expected : test["runs"]) {
        const auto answer = place.saddle(run);
        INFO(answer.out << answer.err);
        CHECK(answer.code == expected["code"]);
        for (const std::string text : expected.value("says", Json::array()))
          CHECK_THAT(answer.out + answer.err, Catch::Contains(text));
      }
      for (const auto& [query, rows] : test["rows"].items()) {
        INFO(query);
        Json values = Json::array();
        for (const Json& row : place.sql(query)) {
          values.push_back(Json::array());
          for (const auto& [column, value] : row.items()) values.back().push_back(value);
        }
        CHECK(values == rows);
      }
    }
  }
}

TEST_CASE("a report has the curves and the sample sheets of an experiment beside it") {
  const Place place;
  Json grid = small_grid();
  grid["dataset"] = {{"use", "digits"}};
  grid["models"]["generator"] = {{"use", "dcgan"}, {"width", 4}};
  grid["models"]["discriminator"] = {{"use", "dcgan"}, {"width", 4}, {"batch_norm", false}};
  grid["train"]["rounds"] = 4;
  grid["metrics"] = {{{"use", "frechet"}, {"every", 2}, {"samples", 100}}};
  grid["seeds"] = {1, 2, 3};
  REQUIRE(place.saddle({"run", place.write("grid.json", grid)}).code == 0);
  const auto answer = place.saddle({"report", "--out", place / "page.md"});
  INFO(answer.err);
  REQUIRE(answer.code == 0);
  const std::string page = saddle::read_file(place / "page.md");
  const std::string name = grid["name"];
  CHECK_THAT(page, Catch::Contains("](page/" + name + "-frechet.png)") &&
                       Catch::Contains("](page/" + name + "-1.png)") && Catch::Contains("*floor*") &&
                       Catch::Contains("(fake=750, real=750)"));
  CHECK(saddle::read_file(place / ("page/" + name + "-frechet.png")).substr(1, 3) == "PNG");
  // The sheet is that of the trial in the middle.
  const Json middle = place.sql(
      "SELECT a.path FROM artifacts a JOIN finals f USING (trial) WHERE a.kind = 'samples' AND "
      "f.metric = 'frechet' ORDER BY f.last LIMIT 1 OFFSET 1");
  CHECK(saddle::read_file(place / ("page/" + name + "-1.png")) ==
        saddle::read_file(middle.at(0).at("path").get<std::string>()));
}
