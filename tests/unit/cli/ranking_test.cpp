#include <catch2/catch.hpp>

#include <cmath>
#include <limits>
#include <sstream>

#include <cli/ranking.hpp>
#include <common/error.hpp>

#include "says.hpp"

using namespace saddle;
using namespace saddle::cli;
using namespace saddle::cli::test;

namespace {

const std::string kPixels = R"({"features":"pixels"})";
const std::string kLogit = R"({"features":"logit"})";
const std::string kWide = R"({"models":{"generator":{"use":"mlp","width":64}}})";
const std::string kNarrow = R"({"models":{"generator":{"use":"mlp","width":16}}})";

TrialResult result(const std::string& config, int seed, double value, db::Reason reason = db::Reason::ok) {
  return {config, seed, config == "wide" ? kWide : kNarrow, {{"frechet", kPixels, value}}, reason};
}

}  // namespace

TEST_CASE("mean and sample standard deviation over seeds, the lowest first") {
  const Database database;
  const auto id = fill(database.path(), "e",
                       {result("narrow", 1, 7), result("narrow", 2, 9), result("narrow", 3, 11),
                        result("wide", 1, 2), result("wide", 2, 4), result("wide", 3, 9)});
  db::Reader reader(database.path());
  const Rankings rankings = rank(reader, id, "frechet");
  REQUIRE(rankings.by_protocol.size() == 1);
  const Ranking& ranking = rankings.by_protocol[0];
  CHECK(ranking.protocol == kPixels);
  CHECK(ranking.protocol_label.empty());
  REQUIRE(ranking.configs.size() == 2);
  CHECK(ranking.configs[0].config_hash == "wide");
  CHECK(*ranking.configs[0].mean == Approx(5));
  CHECK(*ranking.configs[0].spread == Approx(std::sqrt(13.0)));  // (9 + 1 + 16) / 2
  CHECK(ranking.configs[0].tally.counted == 3);
  CHECK(*ranking.configs[1].mean == Approx(9));
  CHECK(*ranking.configs[1].spread == Approx(2));
  CHECK(rank(reader, id, "frechet", true).by_protocol[0].configs[0].config_hash == "narrow");
  CHECK(rankings.configs.label("wide") == "generator.width=64");
}

TEST_CASE("equal values have no spread at all") {
  const Database database;
  std::vector<TrialResult> results;
  for (int seed = 1; seed <= 12; ++seed) results.push_back(result("wide", seed, 0.4382857518198904));
  const auto id = fill(database.path(), "e", results);
  db::Reader reader(database.path());
  const Rankings rankings = rank(reader, id, "frechet");
  CHECK(*rankings.by_protocol[0].configs[0].mean == 0.4382857518198904);
  CHECK(*rankings.by_protocol[0].configs[0].spread == 0);
}

TEST_CASE("of coverage more is better without being told") {
  const Database database;
  const auto id = fill(database.path(), "e",
                       {{"narrow", 1, kNarrow, {{"coverage", kPixels, 0.2}}},
                        {"wide", 1, kWide, {{"coverage", kPixels, 0.7}}}});
  db::Reader reader(database.path());
  CHECK(rank(reader, id, "coverage").by_protocol[0].configs[0].config_hash == "wide");
  CHECK(rank(reader, id, "coverage", false).by_protocol[0].configs[0].config_hash == "narrow");
  CHECK(higher_is_better("precision/floor"));
  CHECK(higher_is_better("improved_recall"));
  CHECK_FALSE(higher_is_better("frechet"));
}

TEST_CASE("a metric of another author is ranked as its protocol says") {
  const Database database;
  const std::string says = R"({"better":"higher","features":"pixels"})";
  const auto id =
      fill(database.path(), "e",
           {{"narrow", 1, kNarrow, {{"closeness", says, 1}}}, {"wide", 1, kWide, {{"closeness", says, 2}}}});
  db::Reader reader(database.path());
  const Ranking ranking = rank(reader, id, "closeness").by_protocol.at(0);
  CHECK(ranking.higher_is_better);
  CHECK(ranking.configs[0].config_hash == "wide");
  CHECK(rank(reader, id, "closeness", false).by_protocol[0].configs[0].config_hash == "narrow");
  CHECK(saddle_json(database.path(),
                    {"best", "-m", "closeness", "--group-by", "generator.width"})[0]["mean"] == 2.0);
}

TEST_CASE("diverged and failed trials are counted, not averaged") {
  const Database database;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto id = fill(database.path(), "e",
                       {result("narrow", 1, 7), result("narrow", 2, 1, db::Reason::diverged),
                        result("narrow", 3, 1, db::Reason::error), result("narrow", 4, nan),
                        result("wide", 1, 1, db::Reason::cancelled)});
  db::Reader reader(database.path());
  const Ranking ranking = rank(reader, id, "frechet").by_protocol.at(0);
  REQUIRE(ranking.configs.size() == 2);
  const RankedConfig& narrow = ranking.configs[0];
  CHECK(narrow.trials.size() == 4);
  CHECK(narrow.tally.counted == 1);
  CHECK(*narrow.mean == 7);
  CHECK_FALSE(narrow.spread);
  CHECK(narrow.tally.diverged == 2);
  CHECK(narrow.tally.failed == 1);
  // Without a mean it is last, whatever it measured on the way.
  CHECK(ranking.configs[1].config_hash == "wide");
  CHECK_FALSE(ranking.configs[1].mean);
  CHECK(ranking.configs[1].tally.unfinished == 1);
}

TEST_CASE("protocols are never mixed") {
  const Database database;
  const auto id = fill(database.path(), "e",
                       {{"narrow", 1, kNarrow, {{"frechet", kPixels, 10}, {"frechet", kLogit, 1}}},
                        {"narrow", 2, kNarrow, {{"frechet", kPixels, 20}, {"frechet", kLogit, 3}}},
                        {"wide", 1, kWide, {{"frechet", kPixels, 5}}}});
  db::Reader reader(database.path());
  const Rankings rankings = rank(reader, id, "frechet");
  REQUIRE(rankings.by_protocol.size() == 2);
  CHECK(rankings.by_protocol[0].protocol == kPixels);
  CHECK(rankings.by_protocol[0].protocol_label == "features=pixels");
  CHECK(rankings.by_protocol[0].configs.size() == 2);
  REQUIRE(rankings.by_protocol[1].configs.size() == 1);
  CHECK(*rankings.by_protocol[1].configs[0].mean == 2);
  std::ostringstream out;
  print_rankings(out, rankings);
  CHECK(out.str().find("measured with features=logit") != std::string::npos);
}

TEST_CASE("what training measured is shown, what was measured later only when asked for") {
  const Database database;
  const auto truncated = [](const char* at) {
    return std::string(R"({"features":"pixels","truncation":)") + at + "}";
  };
  fill(database.path(), "e",
       {{"narrow",
         1,
         kNarrow,
         {{"frechet", truncated("0.25"), 10},
          {"frechet", truncated("0.5"), 20},
          {"frechet", kPixels, 30},
          {"frechet/noise", kPixels, 99}}},
        {"wide", 1, kWide, {{"frechet", truncated("0.25"), 11}, {"frechet", truncated("0.5"), 21}}}});
  const std::vector<std::string> best = {"best", "--metric", "frechet"};
  const auto says = [&](std::vector<std::string> more) {
    std::vector<std::string> words = best;
    words.insert(words.end(), more.begin(), more.end());
    return saddle_says(database.path(), words);
  };
  const std::string own = says({});
  INFO(own);
  CHECK(own.find(" 30 ") != std::string::npos);
  CHECK(own.find(" 20 ") == std::string::npos);
  CHECK(own.find("measured with") == std::string::npos);
  CHECK(own.find("also measured under 2 other protocols: truncation=0.25; truncation=0.5; see: saddle best "
                 "--metric frechet --protocol all, or a part of a name\n") != std::string::npos);
  const std::string half = says({"--protocol", "truncation=0.5"});
  INFO(half);
  CHECK(half.find(" 20 ") != std::string::npos);
  CHECK(half.find(" 21 ") != std::string::npos);
  CHECK(half.find(" 30 ") == std::string::npos);
  CHECK(half.find("other protocols") != std::string::npos);
  const std::string all = says({"--protocol", "all"});
  CHECK(all.find(" 30 ") < all.find(" 10 "));  // training's own first, though fewer trials have it
  CHECK(all.find("other protocol") == std::string::npos);
  const std::string grouped = says({"--group-by", "generator.width"});
  INFO(grouped);
  CHECK(grouped.find(" 30 ") != std::string::npos);
  CHECK(grouped.find(" 20 ") == std::string::npos);
  CHECK(grouped.find("also measured under 2 other protocols") != std::string::npos);
  // A program gets every row, with its protocol.
  CHECK(saddle_json(database.path(), best).size() == 5);
  CHECK(saddle_json(database.path(), {"best", "-m", "frechet", "--protocol", "0.25"}).size() == 2);
  expect_error("Known: all, or a part of no more; truncation=0.25; truncation=0.5", [&] {
    says({"--protocol", "0.75"});
  });
}

TEST_CASE("baselines stand below, in the column only under the same protocol") {
  const Database database;
  std::vector<TrialResult> results{result("narrow", 1, 7), result("wide", 1, 5)};
  for (TrialResult& r : results) {
    r.measured.push_back({"frechet/noise", kPixels, r.config_hash == "wide" ? 100.0 : 102.0});
    r.measured.push_back({"frechet/untrained", kPixels, 80});
    r.measured.push_back({"frechet/floor", R"({"features":"pixels","half":true})", 0.5});
  }
  const auto id = fill(database.path(), "e", results);
  db::Reader reader(database.path());
  const Rankings rankings = rank(reader, id, "frechet");
  const auto& baselines = rankings.by_protocol.at(0).baselines;
  REQUIRE(baselines.size() == 3);
  CHECK(baselines[0].name == "noise");
  CHECK(baselines[0].mean == 101);
  CHECK(baselines[0].n == 2);
  CHECK(*baselines[0].spread == Approx(std::sqrt(2.0)));
  std::ostringstream out;
  print_rankings(out, rankings);
  const std::string text = out.str();
  INFO(text);
  // Best, other, noise, untrained; the floor apart, with what is different about it.
  const std::vector<std::string> order{
      "5",
      "7",
      "noise",
      "101",
      "untrained",
      "80",
      "floor (one half of the real data against the other; measured with half=true): 0.5000"};
  std::size_t at = text.find('\n');
  for (const std::string& part : order) {
    INFO(part);
    at = text.find(part, at);
    REQUIRE(at != std::string::npos);
  }
}

TEST_CASE("a metric that nobody measured is answered with those that were") {
  const Database database;
  const auto id = fill(database.path(), "e", {result("narrow", 1, 7)});
  db::Reader reader(database.path());
  try {
    rank(reader, id, "frechte");
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find("Nearest: \"frechet\"") != std::string::npos);
  }
}

TEST_CASE("trials of another experiment are not ranked, linked ones are") {
  const Database database;
  fill(database.path(), "first", {result("narrow", 1, 7)});
  std::int64_t second = 0;
  {
    db::Store store(database.path());
    second = store.add_experiment({.name = "second", .spec_text = "{}", .spec_sha256 = "2"});
    store.freeze_plan(second, {{.name = "0001-again",
                                .ordinal = 1,
                                .config_hash = "narrow",
                                .trial_hash = "narrow0001",
                                .seed = 1,
                                .config_json = kNarrow}});
  }
  fill(database.path(), "third", {result("wide", 1, 5)});
  db::Reader reader(database.path());
  CHECK(rank(reader, second, "frechet").by_protocol.at(0).configs.size() == 1);
  CHECK(rank(reader, {}, "frechet").by_protocol.at(0).configs.size() == 2);
}

TEST_CASE("configs that differ in many things are called as their trials are, in one experiment") {
  const auto config = [](int n) {
    const std::string v = std::to_string(n);
    return R"({"a":)" + v + R"(,"b":)" + v + R"(,"c":)" + v + R"(,"d":)" + v + R"(,"e":)" + v + R"(,"f":)" +
           v + R"(,"g":)" + v + "}";
  };
  const Database database;
  const auto id = fill(database.path(), "e",
                       {{"sngan-wide", 1, config(1), {{"frechet", kPixels, 1}}},
                        {"sngan-wide", 2, config(1), {{"frechet", kPixels, 2}}},
                        {"dcgan", 1, config(2), {{"frechet", kPixels, 3}}}});
  db::Reader reader(database.path());
  const Distinctions one = rank(reader, id, "frechet").configs;
  CHECK(one.titles == std::vector<std::string>{"config"});
  CHECK(one.cells.at("sngan-wide") == std::vector<std::string>{"sngan-wide"});
  CHECK(one.cells.at("dcgan") == std::vector<std::string>{"dcgan"});
  // Of several experiments names say nothing in common.
  CHECK(rank(reader, Scope(), "frechet").configs.titles.size() == 7);
}

TEST_CASE("configs that a sweep names have their names, unless a branch has none") {
  const auto titles = [](const std::string& sweep) {
    const Database database;
    const auto id = fill(database.path(), "e",
                         {{"narrow", 1, kNarrow, {{"frechet", kPixels, 1}}},
                          {"narrow", 2, kNarrow, {{"frechet", kPixels, 2}}},
                          {"wide", 1, kWide, {{"frechet", kPixels, 3}}}},
                         R"({"sweep": )" + sweep + "}");
    db::Reader reader(database.path());
    const Distinctions configs = rank(reader, id, "frechet").configs;
    return configs.titles.at(0) + "=" + configs.cells.at("narrow").at(0);
  };
  CHECK(titles(R"({"row": {"oneOf": [{"name": "narrow", "set": {}}, {"name": "wide"}]}})") ==
        "config=narrow");
  CHECK(titles(R"({"row": {"oneOf": [{"set": {}}, {"name": "wide"}]}})") == "generator.width=16");
  CHECK(titles(R"({"models.generator.width": {"values": [16, 64]}})") == "generator.width=16");
}

TEST_CASE("configs that no column tells apart are called as their trials are") {
  const std::string plain = R"({"dataset":{"use":"digits"}})",
                    kept = R"({"dataset":{"use":"digits","select":{"keep":0.5}}})";
  const Database database;
  const auto id =
      fill(database.path(), "e",
           {{"all", 1, plain, {{"frechet", kPixels, 1}}}, {"half", 1, kept, {{"frechet", kPixels, 2}}}});
  db::Reader reader(database.path());
  const Distinctions names = rank(reader, id, "frechet").configs;
  CHECK(names.titles == std::vector<std::string>{"config"});
  CHECK(names.cells.at("half") == std::vector<std::string>{"half"});
}
