// saddle probe dataset and metric.
#include "fixture.hpp"

#include <fstream>

using namespace saddle;
using namespace saddle::test;
using Catch::Matchers::Contains;

TEST_CASE("a data set says what it is, and hands out samples and a picture of them") {
  const Scratch scratch;
  const Json answer = ask({"probe", "dataset", "digits", "--split", "test", "--count", "10", "--out",
                           scratch / "out", "--sheet", scratch / "sheet.png"});
  CHECK(answer["shape"] == Json{1, 8, 8});
  CHECK(answer["dtype"] == "uint8");
  CHECK(answer["classes"] == 10);
  CHECK(answer["splits"] ==
        Json::parse(R"([{"name": "train", "size": 1500}, {"name": "test", "size": 297}])"));
  const Tensors out = scratch.read("out");
  CHECK(out.at("image").scalar_type() == at::kByte);
  CHECK(out.at("image").sizes() == at::IntArrayRef({10, 1, 8, 8}));
  CHECK(out.at("label").sizes() == at::IntArrayRef({10}));
  std::ifstream png(scratch / "sheet.png", std::ios::binary);
  std::string signature(8, '\0');
  png.read(signature.data(), 8);
  CHECK(signature == "\x89PNG\r\n\x1a\n");
}

TEST_CASE("points are drawn as points, and parameters reach the data set") {
  const Scratch scratch;
  const Json answer = ask({"probe", "dataset", "gaussians", "--set", "layout=grid", "--set", "count=50",
                           "--out", scratch / "out", "--sheet", scratch / "sheet.png"});
  CHECK(answer["classes"] == 25);
  CHECK(answer["facts"]["modes"].size() == 50);
  CHECK(scratch.read("out").at("image").sizes() == at::IntArrayRef({50, 2}));
  CHECK(std::filesystem::file_size(scratch / "sheet.png") > 100);
}

TEST_CASE("a data set that cannot be read is one clear line with its path") {
  CHECK_THAT(refusal({"probe", "dataset", "digits", "--set", "path=/nowhere/digits.csv.gz"}),
             Contains("/nowhere/digits.csv.gz: there is no such file"));
  CHECK_THAT(refusal({"probe", "dataset", "digits", "--count", "0"}), Contains("not in range 1 to"));
  CHECK_THAT(refusal({"probe", "dataset", "digits", "--sheet", "a.jpg"}), Contains("expected FILE.png"));
  CHECK_THAT(refusal({"probe", "dataset", "digits", "--split", "validation"}),
             Contains("no split 'validation'"));
}

TEST_CASE("a metric is called on the tensors of a file") {
  const Scratch scratch;
  const at::Tensor x = normal({50, 2}, 1);
  const std::string inputs = scratch.write("in", {{"real", x}, {"fake", x + 3}});
  CHECK(ask({"probe", "metric", "frechet", "--inputs", inputs})["frechet"].get<double>() ==
        Approx(18).epsilon(1e-5));
  CHECK_THAT(refusal({"probe", "metric", "modes", "--inputs", inputs}), Contains("states no modes"));
  CHECK(ask({"probe", "metric", "modes", "--inputs", inputs, "--dataset",
             "gaussians,deviation=100"})["good_share"] == 1.0);
  CHECK_THAT(refusal({"probe", "metric", "frechet", "--inputs", scratch.write("one", {{"real", x}})}),
             Contains("there is no tensor \"fake\"") && Contains("the file has: real"));
  CHECK_THAT(refusal({"probe", "metric", "frechet", "--inputs",
                      scratch.write("label", {{"real", x}, {"fake", x}, {"real.label", normal({50}, 1)}})}),
             Contains("\"real.label\""));
}
