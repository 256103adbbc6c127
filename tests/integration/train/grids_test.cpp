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
