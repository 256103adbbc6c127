#include <catch2/catch.hpp>

#include <common/process.hpp>

#include "program.hpp"

using namespace saddle::test;
using saddle::Json;

namespace {

const char* kSource = R"(
#include <saddle/loss.hpp>
using namespace saddle;

struct Softplus {
  static Description describe() {
    return {.name = "my_softplus", .doc = "ns with a slope", .params = {param("slope", 1.0).above(0)}};
  }
  explicit Softplus(const Builder& b) : slope_(b.get<double>("slope")) {}
  Terms discriminator(Step& s) const {
    return {{"real", mean(softplus(-slope_ * s.real("logit")))}, {"fake", mean(softplus(slope_ * s.fake("logit")))}};
  }
  Terms generator(Step& s) const { return {{"fake", mean(softplus(-slope_ * s.fake("logit")))}}; }
  double slope_;
};
SADDLE_LOSS(Softplus)
)";

const char* kThrows = R"(
#include <saddle/loss.hpp>
using namespace saddle;
struct Throws {
  static Description describe() { return {.name = "throws", .doc = "fails in round 5"}; }
  explicit Throws(const Builder&) {}
  Terms generator(Step& s) const {
    if (s.round() >= 5) throw Error("round 5 is too much for me");
    return {{"fake", -mean(s.fake("logit"))}};
  }
};
SADDLE_LOSS(Throws)
)";

// One compiler call against the headers alone.
void compile(const Place& place, const std::string& name, const std::string& source) {
  const std::string file = place.write(name + ".cpp", source);
  std::filesystem::create_directories(place / "plugins");
  const auto result = saddle::run_child(
      {CXX, "-std=c++20", "-O2", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror",
       "-I" PLUGIN_API "/include", file, "-o", (place / "plugins" / (name + ".so")).string()},
      "", 120);
  INFO(result.err);
  REQUIRE(result.ok());
}

}  // namespace

TEST_CASE("a plugin built outside the tree is found and trained with, and nothing else is built") {
  const Place place;
  compile(place, "my_softplus", kSource);
  Json grid = small_grid();
  grid["sweep"] = {{"losses", {{"values", {{{{"use", "ns"}}}, {{{"use", "my_softplus"}}}}}}}};
  const auto answer = place.saddle({"--plugins", place / "plugins", "run", place.write("grid.json", grid)});
  INFO(answer.out << answer.err);
  REQUIRE(answer.code == 0);
  // The same formula, so the same numbers.
  const Json finals = place.sql(
      "select metric, last from finals where metric in ('generator/total', 'discriminator/total') order by "
      "metric, trial");
  REQUIRE(finals.size() == 4);
  CHECK(finals[0]["last"].get<double>() == Approx(finals[1]["last"].get<double>()));
  CHECK(finals[2]["last"].get<double>() == Approx(finals[3]["last"].get<double>()));
}

TEST_CASE("a plugin that throws costs its own trial, with the reason, and the others go on") {
  const Place place;
  compile(place, "throws", kThrows);
  Json grid = small_grid();
  grid["sweep"] = {
      {"losses", {{"values", {{{{"use", "hinge"}}, {{"use", "throws"}}}, {{{"use", "hinge"}}}}}}}};
  const auto answer = place.saddle({"--plugins", place / "plugins", "run", place.write("grid.json", grid)});
  CHECK(answer.code == 1);
  const Json rows = place.sql("select state, reason, message from trials order by trial");
  CHECK(rows[0]["reason"] == "error");
  CHECK_THAT(rows[0]["message"].get<std::string>(),
             Catch::Contains("/losses/1") && Catch::Contains("round 5 is too much for me"));
  CHECK(rows[1]["reason"] == "ok");
}
