// The JSON Schema that the program writes, held against the bundled experiments and
// the bundled components by an independent validator.
#include <catch2/catch.hpp>

#include <filesystem>

#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include <common/paths.hpp>

#include "program.hpp"

using namespace saddle::test;
using saddle::Json;
namespace fs = std::filesystem;

TEST_CASE("plan --schema accepts every bundled experiment and knows their components' parameters") {
  const Place place;
  const auto answer = place.saddle({"plan", "--schema"});
  INFO(answer.err);
  REQUIRE(answer.code == 0);
  const Json text = Json::parse(answer.out);
  valijson::Schema schema;
  valijson::SchemaParser(valijson::SchemaParser::kDraft7)
      .populateSchema(valijson::adapters::NlohmannJsonAdapter(text), schema);
  const auto valid = [&](const Json& grid) {
    return valijson::Validator().validate(schema, valijson::adapters::NlohmannJsonAdapter(grid), nullptr);
  };
  int experiments = 0;
  for (const auto& entry : fs::recursive_directory_iterator(EXPERIMENTS)) {
    if (entry.path().extension() != ".json") continue;
    INFO(entry.path());
    CHECK(valid(Json::parse(saddle::read_file(entry.path()))));
    ++experiments;
  }
  CHECK(experiments > 0);

  Json grid = Json::parse(saddle::read_file(fs::path(EXPERIMENTS) / "quickstart.json"));
  REQUIRE(grid["models"]["generator"]["use"] == "dcgan");
  grid["models"]["generator"]["widht"] = 8;
  CHECK_FALSE(valid(grid));
}
