#include <catch2/catch.hpp>

#include <iostream>
#include <sstream>

#include <CLI/CLI.hpp>

#include <cli/table.hpp>
#include <common/error.hpp>

#include "says.hpp"

using namespace saddle;
using namespace saddle::cli;
using namespace saddle::cli::test;

namespace {

const std::string kPixels = R"({"features":"pixels"})";
const std::string kWide =
    R"({"losses":[{"use":"hinge","weight":1.0}],"models":{"generator":{"use":"mlp","width":64}}})";
const std::string kNarrow =
    R"({"losses":[{"use":"ns","weight":1.0}],"models":{"generator":{"use":"mlp","width":16}}})";

std::filesystem::path filled(const Database& database) {
  fill(database.path(), "e",
       {{"aaaa",
         1,
         kWide,
         {{"frechet", kPixels, 2}, {"generator/total", "", -1}, {"frechet/noise", kPixels, 50}}},
        {"aaaa",
         2,
         kWide,
         {{"frechet", kPixels, 4}, {"generator/total", "", -2}, {"frechet/noise", kPixels, 50}}},
        {"bbbb", 1, kNarrow, {{"frechet", kPixels, 9}}, db::Reason::error}});
  return database.path();
}

}  // namespace

TEST_CASE("ls lists trials with state and metrics") {
  const Database database;
  const auto path = filled(database);
  const std::string text = saddle_says(path, {"ls"});
  INFO(text);
  CHECK(has(text, "0001-aaaa-s1"));
  CHECK(has(text, "failed (error)"));
  CHECK(has(text, "frechet"));
  CHECK_FALSE(has(text, "noise"));
  CHECK(has(text, "3 trials: 2 done, 1 error"));

  const OrderedJson json = saddle_json(path, {"ls", "--experiment", "e"});
  REQUIRE(json.size() == 3);
  CHECK(json[0]["name"] == "0001-aaaa-s1");
  CHECK(json[0]["state"] == "done");
  CHECK(json[0]["metrics"][0]["metric"] == "frechet");
  CHECK(json[0]["metrics"][0]["last"] == 2.0);
  CHECK(json[0]["metrics"][0]["protocol"]["features"] == "pixels");
  CHECK(saddle_json(path, {"ls", "--state", "failed"}).size() == 1);
  CHECK(saddle_json(path, {"ls", "--experiments"})[0]["done"] == 2);
  expect_error("no experiment \"f\"", [&] { saddle_says(path, {"ls", "-e", "f"}); });
}

TEST_CASE("ls of an empty database says so") {
  const Database database;
  { db::Store store(database.path()); }
  CHECK(saddle_says(database.path(), {"ls"}) == "no trial\n");
  CHECK(saddle_json(database.path(), {"ls"}).empty());
  expect_error("begin with: saddle run", [&] { saddle_says(database.path(), {"best", "-m", "frechet"}); });
}

TEST_CASE("show tells everything of one trial") {
  const Database database;
  const auto path = filled(database);
  {
    db::Store store(path);
    store.add_event(
        {.type = "started", .data = R"({"parameters":{"generator":4276739}})", .trial = 1, .attempt = 1});
  }
  const std::string text = saddle_says(path, {"show", "0001-aaaa-s1"});
  INFO(text);
  for (const char* part : {"models.generator.width", "64", "frechet", "generator/total", "loss/hinge",
                           "0123456789ab", "2.11.0", "attempts"})
    CHECK(has(text, part));
  const OrderedJson json = saddle_json(path, {"show", "1"});
  CHECK(json["name"] == "0001-aaaa-s1");
  CHECK(json["config"]["models"]["generator"]["width"] == 64);
  CHECK(json["params"].size() == 4);
  CHECK(json["players"] == OrderedJson::parse(R"([{"player": "generator", "parameters": 4276739}])"));
  CHECK(has(text, "4276739"));
  CHECK(json["plugins_used"][0]["component"] == "loss/hinge");
  CHECK(json["attempt_list"].size() == 1);
}

TEST_CASE("a trial is found by number, name, and the beginning of name or hash") {
  const Database database;
  const auto path = filled(database);
  for (const char* word : {"2", "0002-aaaa-s2", "e/0002-aaaa-s2", "aaaa0002", "0002", "0002-aa"}) {
    INFO(word);
    CHECK(saddle_json(path, {"show", word})["trial"] == 2);
  }
  expect_error("2 trials; give the number", [&] { saddle_says(path, {"show", "aaaa"}); });
  expect_error("Nearest: \"0001-aaaa-s1\"", [&] { saddle_says(path, {"show", "0001-aaba-s1"}); });
}

TEST_CASE("best ranks configs") {
  const Database database;
  const auto path = filled(database);
  const OrderedJson json = saddle_json(path, {"best", "--metric", "frechet"});
  REQUIRE(json.size() == 2);
  CHECK(json[0]["config_hash"] == "aaaa");
  CHECK(json[0]["mean"] == 3.0);
  CHECK(json[0]["std"].get<double>() == Approx(std::sqrt(2.0)));
  CHECK(json[0]["n"] == 2);
  CHECK(json[0]["label"] == "losses=hinge generator.width=64");
  CHECK(json[1]["mean"].is_null());
  CHECK(json[1]["failed"] == 1);
  const std::string text = saddle_says(path, {"best", "--metric", "frechet"});
  INFO(text);
  CHECK(has(text, "noise"));
  CHECK(has(text, "1 failed"));
  CHECK(saddle_json(path, {"best", "-m", "frechet", "--limit", "1"}).size() == 1);
  CHECK_THROWS_AS(saddle_says(path, {"best"}), CLI::ParseError);
  CHECK_THROWS_AS(saddle_says(path, {"best", "-m", "frechet", "--max", "--min"}), CLI::ParseError);
}

TEST_CASE("best says how sure a mean over three seeds or more is") {
  const Database database;
  std::vector<TrialResult> results;
  for (int seed = 1; seed <= 5; ++seed)
    results.push_back(
        {"aaaa",
         seed,
         kWide,
         {{"frechet", kPixels, std::vector<double>{1, 2.5, 7, 20, 21}[static_cast<std::size_t>(seed - 1)]}}});
  results.push_back({"bbbb", 1, kNarrow, {{"frechet", kPixels, 9}}});
  results.push_back({"bbbb", 2, kNarrow, {{"frechet", kPixels, 11}}});
  fill(database.path(), "e", results);
  const OrderedJson json = saddle_json(database.path(), {"best", "--metric", "frechet"});
  REQUIRE(json.size() == 2);
  CHECK(json[0]["low"].is_null());  // two seeds
  CHECK(json[1]["mean"] == 10.3);
  CHECK(json[1]["low"].get<double>() < 5);
  CHECK(json[1]["high"].get<double>() > 15);
  const std::string text = saddle_says(database.path(), {"best", "--metric", "frechet"});
  INFO(text);
  CHECK(has(text, "95% interval"));
  CHECK(has(text, " to "));
}

TEST_CASE("compare shows what differs first, metrics beside") {
  const Database database;
  const auto path = filled(database);
  const std::string text = saddle_says(path, {"compare", "1", "3"});
  INFO(text);
  CHECK(text.find("models.generator.width") < text.find("frechet"));
  CHECK_FALSE(has(text, "models.generator.use"));
  CHECK(has(saddle_says(path, {"compare", "1", "3", "--all"}), "models.generator.use"));
  const OrderedJson json = saddle_json(path, {"compare", "1", "2"});
  CHECK(json["params"].empty());
  CHECK(json["metrics"]["frechet"] == OrderedJson({"2", "4"}));
  CHECK(json["circumstances"]["seed"] == OrderedJson({"1", "2"}));
  expect_error("two trials or more", [&] { saddle_says(path, {"compare", "1"}); });
}

TEST_CASE("curve draws, and gives the numbers") {
  const Database database;
  const auto path = filled(database);
  const std::string text = saddle_says(path, {"curve", "1", "2"});
  INFO(text);
  CHECK(has(text, "A  0001-aaaa-s1  2 at 100"));
  CHECK(has(text, "B  0002-aaaa-s2  4 at 100"));
  CHECK(has(saddle_says(path, {"curve", "1"}), "frechet  0001-aaaa-s1  2 at 100"));
  CHECK(saddle_says(path, {"curve", "1", "--metric", "generator/total", "--csv"}) ==
        "trial,metric,protocol,step,value\n0001-aaaa-s1,generator/total,,50,-2.0\n0001-aaaa-s1,generator/"
        "total,,100,-1.0\n");
  const OrderedJson json = saddle_json(path, {"curve", "1"});
  CHECK(json[0]["points"] == OrderedJson::parse("[[50, 4.0], [100, 2.0]]"));
  expect_error("Nearest: \"frechet\"", [&] { saddle_says(path, {"curve", "1", "-m", "frechett"}); });
}

TEST_CASE("curve takes trials by a condition, and writes pictures") {
  const Database database;
  const auto path = filled(database);
  CHECK(saddle_json(path, {"curve", "--where", "finals.frechet < 5"}).size() == 2);
  CHECK(saddle_json(path, {"curve", "-e", "e"}).size() == 3);
  CHECK(saddle_json(path, {"curve", "2", "-e", "e"})[0]["trial"] == 2);
  // A trial that has not measured it is left out of many.
  CHECK(saddle_json(path, {"curve", "-e", "e", "-m", "generator/total"}).size() == 2);
  expect_error("takes trials, -e EXPERIMENT or --where", [&] { saddle_says(path, {"curve"}); });
  expect_error("no trial for which that holds", [&] { saddle_says(path, {"curve", "--where", "seed = 9"}); });

  const auto picture = path.parent_path() / "a.png";
  CHECK(saddle_says(path, {"curve", "-e", "e", "--out", picture.string()}).empty());
  CHECK(std::filesystem::file_size(picture) > 1000);
  saddle_says(path, {"curve", "-e", "e", "--log", "--out", (path.parent_path() / "a.svg").string()});
  CHECK(std::filesystem::file_size(path.parent_path() / "a.svg") > 1000);
  expect_error("neither .png nor .svg", [&] { saddle_says(path, {"curve", "1", "--out", "a.jpg"}); });
  expect_error("cannot write", [&] {
    saddle_says(path, {"curve", "1", "--out", (path / "a.png").string()});
  });
}

TEST_CASE("sql answers as a table, JSON and CSV, and cannot write") {
  const Database database;
  const auto path = filled(database);
  const std::string query = "SELECT trial, state FROM trials WHERE trial < 3 ORDER BY trial";
  CHECK(saddle_says(path, {"sql", query}) == "trial  state\n    1  done\n    2  done\n");
  CHECK(saddle_says(path, {"sql", query, "--csv"}) == "trial,state\n1,done\n2,done\n");
  CHECK(saddle_json(path, {"sql", query}) ==
        OrderedJson::parse(R"([{"trial":1,"state":"done"},{"trial":2,"state":"done"}])"));
  CHECK(saddle_json(path, {"sql", query, "--limit", "1"}).size() == 1);
  CHECK(saddle_json(path, {"sql", "SELECT 1 WHERE 0"}).empty());
  expect_error("only statements that read", [&] { saddle_says(path, {"sql", "DELETE FROM trial"}); });
  expect_error("no such database", [&] { saddle_says("/nowhere/a.db", {"sql", query}); });
}
