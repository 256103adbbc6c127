#include <catch2/catch.hpp>

#include <limits>
#include <sstream>

#include <common/error.hpp>
#include <common/paths.hpp>

#include "says.hpp"

using namespace saddle;
using namespace saddle::cli;
using namespace saddle::cli::test;

namespace {

const std::string kPixels = R"({"features":"pixels"})";
const std::string kHinge = R"({"losses":[{"use":"hinge","odd":"a,\"b\""}],"flag":true,"betas":[0.0,0.9]})";
const std::string kNs = R"({"losses":[{"use":"ns"}],"flag":false,"betas":[0.0,0.9]})";

std::filesystem::path filled(const Database& database) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  fill(database.path(), "e",
       {{"aaaa", 1, kHinge, {{"frechet", kPixels, 2}, {"generator/total", "", nan}}},
        {"aaaa", 2, kHinge, {{"frechet", kPixels, 4}, {"generator/total", "", inf}}},
        {"bbbb", 1, kNs, {{"frechet", R"({"features":"deep"})", 9}, {"generator/total", "", -inf}}}});
  return database.path();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace

TEST_CASE("export as CSV is one row a trial, with parameters and finals, what is not finite included") {
  const Database database;
  const auto lines = lines_of(saddle_says(filled(database), {"export"}));
  REQUIRE(lines.size() == 4);
  CHECK(lines[0].starts_with("trial,name,experiment,seed,state,"));
  CHECK(
      lines[0].ends_with(",params.betas,params.flag,params.losses.0.odd,params.losses.0.use,"
                         "finals.frechet [features=deep],finals.frechet [features=pixels],"
                         "finals.generator/total"));
  CHECK(lines[1].starts_with("1,0001-aaaa-s1,e,1,done,ok,"));
  CHECK(lines[1].ends_with(R"(,"[0.0,0.9]",true,"a,""b""",hinge,,2.0,NaN)"));
  CHECK(lines[2].ends_with(",hinge,,4.0,inf"));
  CHECK(lines[3].ends_with(",false,,ns,9.0,,-inf"));
}

TEST_CASE("export takes the metrics and trials that it is told") {
  const Database database;
  const auto path = filled(database);
  const auto lines = lines_of(saddle_says(
      path, {"export", "-m", "frechet.min", "-m", "frechet", "--where", "params.losses = 'hinge'"}));
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].ends_with("finals.frechet.min,finals.frechet"));
  CHECK(lines[2].ends_with(",4.0,4.0"));
  expect_error("Nearest: \"frechet\"", [&] { saddle_says(path, {"export", "-m", "frechett"}); });
  expect_error("no trial for which that holds", [&] {
    saddle_says(path, {"export", "--where", "seed = 7"});
  });
  expect_error("which format", [&] { saddle_says(path, {"export", "a.parquet"}); });
  expect_error("name it", [&] { saddle_says(path, {"export", "--format", "tensorboard"}); });
  expect_error("cannot write", [&] { saddle_says(path, {"export", "/nowhere/a.csv"}); });
}

TEST_CASE("export of curves is one row a value") {
  const Database database;
  const auto path = filled(database);
  const auto lines = lines_of(saddle_says(path, {"export", "--curves", "--where", "seed = 2"}));
  REQUIRE(lines.size() == 5);
  CHECK(lines[0] == "trial,name,experiment,metric,protocol,step,value,attempt");
  CHECK(lines[1] == R"(2,0002-aaaa-s2,e,frechet,"{""features"":""pixels""}",50,8.0,1)");
  CHECK(lines[2] == "2,0002-aaaa-s2,e,generator/total,,50,inf,1");
  CHECK(lines[3] == R"(2,0002-aaaa-s2,e,frechet,"{""features"":""pixels""}",100,4.0,1)");
}

TEST_CASE("export as JSON lines keeps types, protocols, and what JSON has no number for") {
  const Database database;
  const auto path = filled(database);
  const auto lines = lines_of(saddle_says(path, {"export", "--format", "jsonl"}));
  REQUIRE(lines.size() == 3);
  const OrderedJson first = OrderedJson::parse(lines[0]);
  CHECK(first["params"]["flag"] == true);
  CHECK(first["params"]["betas"] == OrderedJson({0.0, 0.9}));
  CHECK(first["message"].is_null());
  REQUIRE(first["finals"].size() == 2);
  for (const OrderedJson& last : first["finals"])
    if (last["metric"] == "frechet") {
      CHECK(last["protocol"]["features"] == "pixels");
      CHECK(last["last"] == 2.0);
      CHECK(last["max"] == 4.0);
    } else {
      CHECK(last["last"] == "NaN");
      CHECK(last["n_nan"] == 2);
    }
  const auto curves =
      lines_of(saddle_says(path, {"export", "--format", "jsonl", "--curves", "-m", "generator/total"}));
  REQUIRE(curves.size() == 6);
  CHECK(OrderedJson::parse(curves[0])["value"] == "NaN");
  CHECK(OrderedJson::parse(curves[2])["value"] == "Infinity");
  CHECK(OrderedJson::parse(curves[4])["value"] == "-Infinity");
}

TEST_CASE("export writes a file whole, and the same event files again in place of the old") {
  const Database database;
  const auto path = filled(database);
  const auto folder = path.parent_path();
  saddle_says(path, {"export", (folder / "a.csv").string()});
  CHECK(read_file(folder / "a.csv") == saddle_says(path, {"export"}));
  CHECK_FALSE(std::filesystem::exists(folder / "a.csv.part"));
  const auto runs = [&] {
    saddle_says(path, {"export", (folder / "runs").string(), "--format", "tensorboard"});
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / "runs"))
      if (entry.is_regular_file()) files.push_back(entry.path().string());
    return files;
  };
  CHECK(runs().size() == 3);
  CHECK(runs().size() == 3);
}
