// NaN and infinities: stored and read back as such, and nothing that shows them falls over.
#include <catch2/catch.hpp>

#include <sstream>

#include "program.hpp"
#include "rows.hpp"

using namespace saddle::test;
using saddle::Json;

namespace {

// One pair of trials trains, the other diverges; both measure what is never finite, and what is now and then.
Json grid() {
  Json grid = small_grid();
  grid["models"]["generator"]["width"] = grid["models"]["discriminator"]["width"] = 4;
  grid["metrics"] = {{{"use", "non_finite_numbers"}, {"every", 2}, {"samples", 20}}};
  const Json rates = {1e-3, 1e30};
  grid["sweep"]["rate"] = {
      {"zip", {{"optimizers.generator.lr", rates}, {"optimizers.discriminator.lr", rates}}}};
  grid["seeds"] = {1, 2};
  return grid;
}

}  // namespace

TEST_CASE("numbers that are not finite are stored, read back and shown") {
  const Place place;
  const std::string file = place.write("grid.json", grid());
  const auto ran = place.saddle({"--plugins", NON_FINITE, "run", file});
  INFO(ran.out << ran.err);
  REQUIRE(ran.code == 0);
  const auto database = place / "saddle.db";

  SECTION("as rows") {
    // Calls 4 to 13 of measure; three came before, for the baselines.
    CHECK(rows_of(database,
                  "SELECT step, kind, value FROM metrics WHERE trial = 1 AND metric = 'mixed'"
                  " AND step <= 10 ORDER BY step") ==
          std::vector<std::string>{"2 | 3 | -inf", "4 | 0 | 0x1p+0", "6 | 0 | 0x1p+1", "8 | 1 | null",
                                   "10 | 2 | inf"});
    CHECK(rows_of(database,
                  "SELECT DISTINCT metric, kind, value FROM metrics WHERE trial = 1 AND metric IN"
                  " ('never', 'up', 'down') ORDER BY 1") ==
          std::vector<std::string>{"down | 3 | -inf", "never | 1 | null", "up | 2 | inf"});
    CHECK(rows_of(database,
                  "SELECT kind, min, argmin, max, argmax, n, n_nan FROM finals WHERE trial = 1 AND"
                  " metric = 'mixed'") == std::vector<std::string>{"2 | 0x1p+0 | 4 | 0x1p+1 | 6 | 10 | 2"});
    CHECK(rows_of(database, "SELECT DISTINCT kind, min, max, n, n_nan FROM finals WHERE metric = 'never'") ==
          std::vector<std::string>{"1 | null | null | 10 | 10"});
    CHECK(rows_of(database, "SELECT count(*) FROM trials WHERE reason = 'diverged' AND state = 'done'") ==
          std::vector<std::string>{"2"});
    CHECK(rows_of(database, "SELECT count(*) > 0 FROM metrics WHERE trial = 3 AND kind != 0") ==
          std::vector<std::string>{"1"});
    CHECK(rows_of(database, "PRAGMA integrity_check") == std::vector<std::string>{"ok"});
  }
  SECTION("by every command") {
    const std::vector<Arguments> commands = {
        {"ls"},
        {"show", "1"},
        {"show", "3"},
        {"compare", "1", "2"},
        {"compare", "1", "3"},
        {"best", "--metric", "mixed"},
        {"best", "--metric", "never"},
        {"best", "--metric", "up", "--group-by", "optimizers.generator.lr"},
        {"curve", "1", "--metric", "never"},
        {"curve", "1", "2", "--metric", "mixed"},
        {"curve", "1", "--metric", "up"},
        {"pivot", "--rows", "optimizers.generator.lr", "--cols", "seed", "--value", "mixed"},
        {"importance", "--metric", "mixed"},
        {"importance", "--metric", "never"},
        {"sql", "SELECT * FROM metrics WHERE kind != 0"},
        {"sql", "SELECT * FROM finals"}};
    for (const Arguments& command : commands)
      for (const bool json : {false, true}) {
        Arguments arguments = command;
        if (json) arguments.push_back("--json");
        const auto answer = place.saddle(arguments);
        std::string line;
        for (const std::string& word : arguments) line += word + " ";
        INFO(line << "\n" << answer.out << answer.err);
        CHECK(answer.code == 0);
        CHECK(answer.err.empty());
        CHECK_FALSE(answer.out.empty());
        if (json) CHECK_FALSE(Json::parse(answer.out, nullptr, false).is_discarded());
      }
    for (const char* name : {"curve.png", "curve.svg"}) {
      const auto answer =
          place.saddle({"curve", "1", "2", "--metric", "mixed", "--out", (place / name).string()});
      INFO(name << answer.err);
      CHECK(answer.code == 0);
      CHECK(std::filesystem::file_size(place / name) > 1000);
    }
    CHECK_THAT(place.saddle({"curve", "1", "--metric", "mixed", "--csv"}).out,
               Catch::Contains("nan") && Catch::Contains("inf"));
  }
  SECTION("in exports") {
    const auto csv = place.saddle({"export", "--curves", "--metric", "mixed"});
    CHECK(csv.code == 0);
    CHECK_THAT(csv.out, Catch::Contains(",NaN,") && Catch::Contains(",inf,") && Catch::Contains(",-inf,"));
    for (const Arguments& what :
         {Arguments{"export", "--format", "jsonl"},
          Arguments{"export", "--format", "jsonl", "--curves", "--metric", "mixed"}}) {
      const auto lines = place.saddle(what);
      INFO(lines.out << lines.err);
      CHECK(lines.code == 0);
      CHECK_THAT(lines.out, Catch::Contains("\"NaN\"") || Catch::Contains("\"Infinity\""));
      std::istringstream each(lines.out);
      for (std::string line; std::getline(each, line);)
        CHECK_FALSE(Json::parse(line, nullptr, false).is_discarded());
    }
    CHECK(place.saddle({"export", "--format", "tensorboard", (place / "events").string()}).code == 0);
    CHECK_FALSE(std::filesystem::is_empty(place / "events"));
  }
  SECTION("and done before, they are not run again") {
    const auto again = place.saddle({"--plugins", NON_FINITE, "run", file});
    CHECK(again.code == 0);
    CHECK_THAT(again.out, Catch::Contains("4 done before and not run again, 0 to run"));
  }
}
