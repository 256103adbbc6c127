#include <catch2/catch.hpp>

#include <cli/query_doc.hpp>

#include "says.hpp"

using namespace saddle;
using namespace saddle::cli;
using namespace saddle::cli::test;

namespace {

const std::string kPixels = R"({"features":"pixels"})";
const std::string kConfig = R"({"losses":[{"use":"hinge"}],"optimizers":{"generator":{"lr":0.001}}})";

std::filesystem::path filled(const Database& database) {
  fill(database.path(), "e",
       {{"aaaa", 1, kConfig, {{"frechet", kPixels, 2}}},
        {"aaaa", 2, kConfig, {{"frechet", kPixels, 4}}},
        {"bbbb", 1, kConfig, {{"frechet", kPixels, 9}}, db::Reason::error}});
  return database.path();
}

}  // namespace

TEST_CASE("every named query has a description, describes its parameters, and runs") {
  const Database database;
  const auto path = filled(database);
  REQUIRE(db::public_queries().size() >= 8);
  const std::string list = saddle_says(path, {"queries"});
  for (const db::PublicQuery& query : db::public_queries()) {
    INFO(query.name);
    const QueryDoc doc = describe_query(query.sql);
    CHECK(doc.doc.size() > 20);
    CHECK(doc.doc.back() == '.');
    CHECK(has(list, std::string(query.name)));
    std::vector<std::string> arguments{"queries", std::string(query.name)};
    for (const auto& parameter : doc.parameters) {
      CHECK_FALSE(parameter.doc.empty());
      CHECK(has(std::string(query.sql), ":" + parameter.name));
      if (!parameter.otherwise)
        arguments.insert(
            arguments.end(),
            {"--set", parameter.name + "=" + (parameter.name == "metric" ? "frechet" : "losses.0.use")});
    }
    // An undescribed parameter would have no value, and a positional one is refused.
    CHECK_NOTHROW(saddle_says(path, arguments));
    CHECK_NOTHROW(saddle_json(path, arguments));
  }
}

TEST_CASE("a named query is asked with values") {
  const Database database;
  const auto path = filled(database);
  const OrderedJson json = saddle_json(path, {"queries", "by_config", "--set", "metric=frechet"});
  REQUIRE(json.size() == 1);
  CHECK(json[0]["mean"] == 3.0);
  CHECK(json[0]["n"] == 2);
  CHECK(saddle_json(path, {"queries", "by_config", "--set", "metric=frechet", "--set", "experiment=f"})
            .empty());
  CHECK(saddle_json(path, {"queries", "slowest", "--set", "n=2"}).size() == 2);
  CHECK(saddle_json(path, {"queries", "failures"})[0]["reason"] == "error");
  CHECK(has(saddle_says(path, {"queries", "by_config", "--show"}), "SELECT t.config_hash"));
  // One protocol is not worth a column.
  CHECK_FALSE(has(saddle_says(path, {"queries", "by_config", "--set", "metric=frechet"}), "pixels"));

  expect_error("no query \"by_confg\". Nearest: \"by_config\"", [&] {
    saddle_says(path, {"queries", "by_confg"});
  });
  expect_error("needs --set metric=...: the metric", [&] { saddle_says(path, {"queries", "by_config"}); });
  expect_error("has no parameter \"metrik\". Nearest: \"metric\"", [&] {
    saddle_says(path, {"queries", "by_config", "--set", "metrik=frechet", "--set", "metric=frechet"});
  });
  expect_error("takes name=value", [&] { saddle_says(path, {"queries", "by_config", "--set", "metric"}); });
  expect_error("given twice", [&] {
    saddle_says(path, {"queries", "by_config", "--set", "metric=a", "--set", "metric=b"});
  });
}

TEST_CASE("the comment of a query is its documentation") {
  const QueryDoc doc =
      describe_query("-- One\n-- and two.\n-- :a  first\n-- :b   second [3]\n-- :c  third [all]\nSELECT :a");
  CHECK(doc.doc == "One and two.");
  REQUIRE(doc.parameters.size() == 3);
  CHECK(doc.parameters[0].name == "a");
  CHECK(doc.parameters[0].doc == "first");
  CHECK_FALSE(doc.parameters[0].otherwise);
  CHECK(std::get<std::int64_t>(*doc.parameters[1].otherwise) == 3);
  CHECK(std::holds_alternative<std::monostate>(*doc.parameters[2].otherwise));
  CHECK(describe_query("SELECT 1").doc.empty());
  CHECK(describe_query("--").doc.empty());
}

TEST_CASE("sql takes parameters, and says where it is bounded") {
  const Database database;
  const auto path = filled(database);
  CHECK(saddle_json(path, {"sql", "SELECT name FROM trials WHERE seed = :seed", "--set", "seed=2"}).size() ==
        1);
  expect_error(":seed has no value", [&] { saddle_says(path, {"sql", "SELECT :seed"}); });
  const std::string endless =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
  expect_error("stopped after 0.1 seconds", [&] { saddle_says(path, {"sql", endless, "--timeout", "0.1"}); });
}
