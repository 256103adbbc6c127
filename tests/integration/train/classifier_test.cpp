#include <catch2/catch.hpp>

#include <filesystem>

#include <common/paths.hpp>

#include "program.hpp"

using namespace saddle::test;
using saddle::Json;

TEST_CASE("a classifier that was trained here measures generators") {
  const Place place;
  Json classifier = Json::parse(saddle::read_file(std::string(EXPERIMENTS) + "/digits_classifier.json"));
  classifier["models"]["classifier"]["width"] = 8;
  classifier["train"]["rounds"] = 60;
  classifier["metrics"][0]["every"] = 0;
  const auto trained = place.saddle({"run", place.write("classifier.json", classifier)});
  INFO(trained.out << trained.err);
  REQUIRE(trained.code == 0);
  // On digits that training does not see; a classifier that has learnt nothing is right in a tenth.
  CHECK(place.sql("SELECT count(*) n FROM finals WHERE metric = 'classifier_accuracy' AND last > 0.7 AND "
                  "protocol LIKE '%\"measured\":\"test\"%'") == Json::parse(R"([{"n": 2}])"));
  CHECK(place.sql("SELECT count(*) n FROM finals WHERE metric = 'classifier_accuracy/untrained' AND last < "
                  "0.4") == Json::parse(R"([{"n": 2}])"));

  Json gan = small_grid();
  gan["dataset"] = {{"use", "digits"}};
  for (const char* player : {"generator", "discriminator"})
    gan["models"][player] = {{"use", "dcgan"}, {"width", 4}};
  gan["train"]["rounds"] = 2;
  const Json weights = {{"experiment", "digits-classifier"}, {"best", "classifier_accuracy"}};
  gan["metrics"] = {{{"use", "frechet"},
                     {"every", 0},
                     {"samples", 64},
                     {"features", {{"use", "classifier"}, {"weights", weights}}}}};
  const auto measured = place.saddle({"run", place.write("gan.json", gan)});
  INFO(measured.out << measured.err);
  REQUIRE(measured.code == 0);
  // Whose weights they are is kept with the number.
  const Json best = place.sql(
      "SELECT t.name, t.trial_hash FROM finals f JOIN trials t USING (trial) WHERE f.metric = "
      "'classifier_accuracy' ORDER BY f.last DESC, f.trial LIMIT 1");
  const Json lineage = place.sql(
      "SELECT DISTINCT json_extract(protocol, '$.features.trained.trial') name, json_extract(protocol, "
      "'$.features.trained.trial_hash') trial_hash FROM metrics WHERE metric LIKE 'frechet%'");
  CHECK(lineage == best);
  CHECK(place.sql(
            "SELECT count(*) n FROM metrics WHERE metric = 'frechet/floor' AND value < (SELECT value FROM "
            "metrics WHERE metric = 'frechet/noise')") == Json::parse(R"([{"n": 1}])"));
  // The same again is the same trial.
  CHECK_THAT(place.saddle({"run", place / "gan.json"}).out,
             Catch::Contains("0 to run") || Catch::Contains("done"));
  CHECK(place.sql("SELECT count(*) n FROM attempts") == Json::parse(R"([{"n": 3}])"));

  gan["metrics"][0]["features"]["weights"]["best"] = "acuracy";
  const auto refused = place.saddle({"plan", place.write("gan.json", gan)});
  CHECK(refused.code == 2);
  CHECK_THAT(refused.err, Catch::Contains("/metrics/0/features/weights: no trial of the experiment") &&
                              Catch::Contains("classifier_accuracy"));
}
