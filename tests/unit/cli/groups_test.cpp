#include <catch2/catch.hpp>

#include "says.hpp"

using namespace saddle;
using namespace saddle::cli;
using namespace saddle::cli::test;

namespace {

std::string config(const std::string& losses, int width, int rounds = 100) {
  const std::string w = std::to_string(width);
  return R"({"losses":)" + losses + R"(,"models":{"generator":{"use":"mlp","width":)" + w +
         R"(},"discriminator":{"use":"mlp","width":)" + w + R"(}},"train":{"rounds":)" +
         std::to_string(rounds) + R"(,"batch":64}})";
}

const std::string kHinge = R"([{"use":"hinge"}])", kR1 = R"([{"use":"ns"},{"use":"r1","gamma":1.0}])",
                  kStrongR1 = R"([{"use":"ns"},{"use":"r1","gamma":10.0}])",
                  kPixels = R"({"features":"pixels"})";

// Losses x widths x two seeds; the width is what matters. One trial diverged.
std::filesystem::path filled(const Database& database) {
  std::vector<TrialResult> results;
  int n = 0;
  for (const auto& [losses, offset] :
       std::vector<std::pair<std::string, double>>{{kHinge, 0}, {kR1, 1}, {kStrongR1, 2}})
    for (const int width : {8, 16, 128}) {
      const std::string hash = "c" + std::to_string(++n);
      for (const int seed : {1, 2}) {
        const double value = 1000.0 / width + offset + 0.1 * seed;
        const bool diverged = losses == kStrongR1 && width == 128 && seed == 2;
        results.push_back({hash,
                           seed,
                           config(losses, width),
                           {{"frechet", kPixels, value}},
                           diverged ? db::Reason::diverged : db::Reason::ok});
      }
    }
  fill(database.path(), "grid", results);
  return database.path();
}

}  // namespace

TEST_CASE("best ranks the values of a parameter over all that has them") {
  const Database database;
  const auto path = filled(database);
  const OrderedJson json = saddle_json(path, {"best", "--by", "frechet", "--group-by", "width"});
  REQUIRE(json.size() == 3);
  CHECK(json[0]["group"] == OrderedJson({{"width", "128"}}));
  CHECK(json[1]["group"] == OrderedJson({{"width", "16"}}));
  CHECK(json[2]["group"] == OrderedJson({{"width", "8"}}));
  CHECK(json[0]["n"] == 5);
  CHECK(json[0]["diverged"] == 1);
  CHECK(json[2]["n"] == 6);
  CHECK(json[2]["configs"] == 3);
  CHECK(json[2]["mean"].get<double>() == Approx(125 + 1 + 0.15));
  // Two seeds 0.1 apart in each of three configs.
  CHECK(json[2]["interval_over"] == "seeds");
  CHECK(json[2]["low"].get<double>() >= 125 + 1 + 0.1);
  CHECK(json[2]["high"].get<double>() <= 125 + 1 + 0.2 + 1e-9);
  CHECK(json[0]["interval_over"] == "trials");

  const OrderedJson two =
      saddle_json(path, {"best", "--by", "frechet", "--group-by", "losses", "--group-by", "generator.width"});
  CHECK(two.size() == 9);
  CHECK(two[0]["group"] == OrderedJson({{"losses", "hinge"}, {"generator.width", "128"}}));
  CHECK(saddle_json(path, {"best", "--by", "frechet", "--group-by", "seed"}).size() == 2);

  const std::string text = saddle_says(path, {"best", "--by", "frechet", "--group-by", "loss", "-n", "2"});
  INFO(text);
  CHECK(has(text, "ns+r1(gamma=1)"));
  CHECK(has(text, "95% interval"));
  CHECK(has(text, "and 1 more"));
}

TEST_CASE("best of another column of the curve") {
  const Database database;
  const auto path = filled(database);
  // fill() writes the double of the last value first.
  const double last = saddle_json(path, {"best", "-m", "frechet"})[0]["mean"];
  CHECK(saddle_json(path, {"best", "-m", "frechet.max"})[0]["mean"].get<double>() == Approx(2 * last));
  expect_error("no metric \"frechet.most\"", [&] { saddle_says(path, {"best", "-m", "frechet.most"}); });
}

TEST_CASE("pivot shows a metric by two parameters") {
  const Database database;
  const auto path = filled(database);
  const std::string text =
      saddle_says(path, {"pivot", "--rows", "loss", "--cols", "width", "--value", "frechet"});
  INFO(text);
  // Widths by size, not as texts.
  CHECK(text.find("width=8 ") < text.find("width=16"));
  CHECK(text.find("width=16") < text.find("width=128"));
  CHECK(has(text, "125.2 +- 0.07071 (2)"));
  CHECK(has(text, "not in the means: 1 diverged"));
  const OrderedJson json =
      saddle_json(path, {"pivot", "--rows", "losses", "--cols", "generator.width", "--value", "frechet"});
  REQUIRE(json.size() == 9);
  CHECK(json[0]["losses"] == "hinge");
  CHECK(json[0]["generator.width"] == "8");
  CHECK(json[0]["n"] == 2);
  CHECK(json[0]["protocol"]["features"] == "pixels");
  CHECK(has(saddle_says(path, {"pivot", "--rows", "gamma", "--cols", "seed", "--value", "frechet", "--csv"}),
            "\n10.0,2,") == false);
  CHECK(has(saddle_says(path, {"pivot", "--rows", "gamma", "--cols", "seed", "--value", "frechet", "--csv"}),
            "\n10,2,"));
  CHECK(saddle_json(path, {"pivot", "--rows", "losses", "--cols", "width", "--value", "frechet", "--where",
                           "params.width < 100 and seed = 1"})
            .size() == 6);
}

TEST_CASE("a parameter that cannot sort trials is refused with the ones that can") {
  const Database database;
  const auto path = filled(database);
  const auto pivot = [&](const std::string& rows) {
    saddle_says(path, {"pivot", "--rows", rows, "--cols", "losses", "--value", "frechet"});
  };
  expect_error("--rows: batch is 64 in all of these trials. Known: losses,", [&] { pivot("batch"); });
  expect_error("--rows: no parameter \"wdith\" differs", [&] { pivot("wdith"); });
  expect_error("none of these trials has measured frechet", [&] {
    saddle_says(
        path, {"pivot", "--rows", "losses", "--cols", "width", "--value", "frechet", "--where", "seed = 9"});
  });
}

TEST_CASE("importance finds the parameter that explains the spread") {
  const Database database;
  const auto path = filled(database);
  const OrderedJson json = saddle_json(path, {"importance", "-m", "frechet"})[0];
  CHECK(json["trials"] == 17);
  CHECK(json["configs"] == 9);
  CHECK(json["parameters"][0]["parameters"] == OrderedJson({"discriminator.width", "generator.width"}));
  CHECK(json["parameters"][0]["share"].get<double>() > 0.99);
  CHECK(json["parameters"][0]["chance"].get<double>() < 0.01);
  CHECK(json["parameters"][1]["parameters"] == OrderedJson({"losses"}));
  CHECK(json["parameters"][1]["share"].get<double>() == 0);
  CHECK(json["parameters"][1]["chance"].get<double>() > 0.5);
  CHECK(json["together"]["share"].get<double>() > 0.999);
  CHECK(json["crossed"] == false);  // one trial is missing

  const std::string text = saddle_says(path, {"importance", "-m", "frechet"});
  INFO(text);
  CHECK(has(text, "discriminator.width = generator.width"));
  CHECK(has(text, "may be chance"));
  CHECK(has(text, "Not every value met every other"));
  CHECK(has(text, "Left out: 1 diverged"));
  CHECK(has(text, "Only 17 trials"));
  CHECK(saddle_json(path, {"importance", "-m", "frechet", "--where", "params.width < 100"})[0]["crossed"] ==
        true);
  // Ranks do not care how far away the narrow nets are.
  const OrderedJson by_ranks = saddle_json(path, {"importance", "-m", "frechet", "--ranks"})[0];
  CHECK(by_ranks["parameters"][0]["share"].get<double>() < json["parameters"][0]["share"].get<double>());
  expect_error("no parameter differs", [&] {
    saddle_says(path, {"importance", "-m", "frechet", "--where", "name like '%c1-%'"});
  });
}

TEST_CASE("of two protocols each has its own groups") {
  const Database database;
  fill(database.path(), "e",
       {{"a", 1, config(kHinge, 8), {{"frechet", kPixels, 1}, {"frechet", R"({"features":"logit"})", 100}}},
        {"a", 2, config(kHinge, 8), {{"frechet", kPixels, 3}}},
        {"b", 1, config(kR1, 8), {{"frechet", kPixels, 5}}}});
  const OrderedJson json = saddle_json(database.path(), {"best", "--by", "frechet", "--group-by", "losses"});
  REQUIRE(json.size() == 3);
  CHECK(json[0]["mean"] == 2.0);
  CHECK(json[1]["mean"] == 5.0);
  CHECK(json[2]["mean"] == 100.0);
  CHECK(json[2]["protocol"]["features"] == "logit");
  CHECK(has(saddle_says(database.path(), {"best", "--by", "frechet", "--group-by", "losses"}),
            "measured with features=logit"));
}
