// saddle eval: sets whose distance is known, and every form a set can have.
#include "fixture.hpp"

#include <fstream>

#include <image/png.hpp>

using namespace saddle;
using namespace saddle::test;
using Catch::Matchers::Contains;

namespace {

// Samples whose mean is exactly 0 and whose covariance (n - 1) is exactly 1.
at::Tensor white(int64_t count, int64_t width, uint64_t seed) {
  at::Tensor x = normal({count, width}, seed);
  x = x - x.mean(0, true);
  const at::Tensor root = at::linalg_cholesky(at::matmul(x.t(), x) / (count - 1));
  return at::linalg_solve_triangular(root, x.t(), /*upper=*/false).t();
}

Arguments eval(const std::string& real, const std::string& fake, const Arguments& more = {}) {
  Arguments arguments = {"eval", "--real", real, "--fake", fake};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

// The first pictures of digits, as they are stored.
at::Tensor some_digits(const Scratch& scratch, const char* split, const char* count) {
  ask({"probe", "dataset", "digits", "--split", split, "--count", count, "--out", scratch / "digits"});
  return scratch.read("digits").at("image");
}

}  // namespace

TEST_CASE("the Frechet distance of two Gaussians is the known one") {
  const Scratch scratch;
  const at::Tensor scale = at::tensor({0.5, 2.0, 3.0}, at::kDouble),
                   shift = at::tensor({1.0, -2.0, 0.5}, at::kDouble);
  const std::string real = scratch.write("real", {{"features", white(400, 3, 1)}});
  const std::string fake = scratch.write("fake", {{"features", white(300, 3, 2) * scale + shift}});
  // |m1 - m2|^2 + sum (s1 - s2)^2, as both covariances are diagonal.
  const double expected = shift.square().sum().item<double>() + (scale - 1).square().sum().item<double>();
  const Json answer = ask(eval(real, fake, {"--metrics", "frechet"}));
  CHECK(answer["frechet"].get<double>() == Approx(expected).epsilon(1e-5));
  CHECK(answer["protocol"]["real"]["samples"] == 400);
  CHECK(answer["protocol"]["fake"]["samples"] == 300);
  CHECK(answer.size() == 2);
}

TEST_CASE("a set measured against itself and against one far away") {
  const Scratch scratch;
  const at::Tensor x = normal({200, 4}, 1);
  const std::string real = scratch.write("real", {{"features", x}});
  const Json same = ask(eval(real, real));
  CHECK(same["frechet"].get<double>() == Approx(0).margin(1e-6));
  for (const char* name : {"precision", "recall", "coverage"}) CHECK(same[name] == 1.0);
  const Json far = ask(eval(real, scratch.write("far", {{"features", x + 100}}), {"--set", "prdc.k=3"}));
  CHECK(far["frechet"].get<double>() == Approx(4 * 100 * 100).epsilon(1e-4));
  for (const char* name : {"precision", "recall", "density", "coverage"}) CHECK(far[name] == 0.0);
  CHECK(far["protocol"]["metrics"]["prdc@1"]["k"] == 3);
}

TEST_CASE("a split of a data set, a file of its pictures and a folder of PNGs are the same samples") {
  const Scratch scratch;
  const at::Tensor bytes = some_digits(scratch, "test", "297");
  REQUIRE(bytes.sizes() == at::IntArrayRef({297, 1, 8, 8}));
  const double expected = ask(eval("digits:train", "digits:test", {"--metrics", "frechet"}))["frechet"];
  CHECK(expected > 0.1);  // other writers
  const auto from = [&](const std::string& fake, const Arguments& more) {
    Arguments arguments = eval("digits:train", fake, {"--metrics", "frechet"});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return ask(arguments)["frechet"].get<double>();
  };
  CHECK(from(scratch.write("bytes", {{"image", bytes}}), {}) == Approx(expected));
  // Pictures of a network, a little off the grey levels: quantised as a file would.
  const at::Tensor floats = bytes.to(at::kFloat).div(127.5).sub(1) + 0.001f;
  CHECK(from(scratch.write("floats", {{"image", floats}}), {}) == Approx(expected));
  const at::Tensor features = bytes.to(at::kFloat).div(127.5).sub(1).flatten(1);
  CHECK(from(scratch.write("features", {{"features", features}}), {}) == Approx(expected));

  std::filesystem::create_directory(scratch / "folder");
  for (int64_t i = 0; i < bytes.size(0); ++i)
    worker::write_png(scratch / ("folder/" + std::to_string(i) + ".png"), bytes[i].permute({1, 2, 0}));
  CHECK(from(scratch / "folder", {"--set", "image_folder.channels=1"}) == Approx(expected));
  // The folder in the place of the trial.
  CHECK(ask({"eval", scratch / "folder", "--real", "digits:train", "--metrics", "frechet", "--set",
             "image_folder.channels=1"})["frechet"]
            .get<double>() == Approx(expected));
  CHECK_THAT(refusal({"eval", scratch / "folder"}), Contains("--real SET"));
  CHECK_THAT(refusal(eval("digits:train", scratch / "folder")),
             Contains("digits:train has 64 numbers a sample ([1, 8, 8])") &&
                 Contains("192 numbers a sample ([3, 8, 8])") && Contains("--set image_folder.size=N"));
}

TEST_CASE("sets of pictures are measured by a feature extractor, files of features beside them as they are") {
  const Scratch scratch;
  const at::Tensor bytes = some_digits(scratch, "test", "60");
  const std::string file = scratch.write("pictures", {{"image", bytes}});
  const auto measured = [&](const std::string& fake, const std::string& features) {
    return ask(eval("digits:train", fake,
                    {"--metrics", "frechet", "--features", features, "--samples", "60", "--seed", "3"}));
  };
  const Json short_form = measured(file, "efficientnet_lite0,weights=random,resize=none");
  const Json long_form =
      measured(file, R"({"use": "efficientnet_lite0", "weights": "random", "resize": "none"})");
  CHECK(short_form["frechet"] == long_form["frechet"]);
  CHECK(short_form["frechet"].get<double>() > 0);
  const Json& protocol = short_form["protocol"];
  CHECK(protocol["features"]["extractor"] == "efficientnet_lite0@1");
  CHECK(protocol["features"]["output"] == "features");
  CHECK(protocol["features"]["parameters"]["weights"] == "random");
  CHECK(protocol["fake"]["shape"] == Json({1, 8, 8}));
  CHECK(measured(file, "pixels")["protocol"]["features"] == "pixels");
  const Json same = ask(eval(
      file, file,
      {"--metrics", "frechet", "--features", "efficientnet_lite0,weights=random,output=logits,size=16"}));
  CHECK(same["frechet"].get<double>() == Approx(0).margin(1e-6));
  CHECK(same["protocol"]["features"]["resize"] == "clean 16");
  const std::string given = scratch.write("given", {{"features", normal({60, 1280}, 1)}});
  CHECK(measured(given, "efficientnet_lite0,weights=random,resize=none")["protocol"]["fake"]["features"] ==
        "as they are in the file");

  const auto refused = [&](const std::string& features) {
    return refusal(eval(file, file, {"--features", features}));
  };
  CHECK_THAT(refused("efficientnet_lite0,weights=random,output=logit"), Contains("Nearest: \"logits\""));
  CHECK_THAT(refused("discriminator.features"), Contains("are for a TRIAL"));
  CHECK_THAT(refused("dcgan"), Contains("is no feature extractor"));
  CHECK_THAT(refused("efficientnet_lite0,output"), Contains("expected KEY=VALUE"));
  CHECK_THAT(refusal(eval("gaussians:train", "gaussians:test",
                          {"--features", "efficientnet_lite0,weights=random", "--samples", "10"})),
             Contains("its samples are points"));
}

TEST_CASE("labels of files are the classes of metrics that go class by class") {
  const Scratch scratch;
  const at::Tensor x = normal({40, 3}, 1), label = at::arange(40, at::kLong).remainder(2);
  const auto file = [&](const char* name, const at::Tensor& features) {
    return scratch.write(name, {{"features", features}, {"label", label}});
  };
  const Json one = ask(eval(file("a", x), file("b", x + 1), {"--metrics", "intra_frechet"}));
  CHECK(one["intra_frechet"].get<double>() == Approx(3).epsilon(1e-5));
  CHECK(one["intra_frechet_1"].get<double>() == Approx(3).epsilon(1e-5));
  CHECK_FALSE(one.contains("intra_frechet_2"));
}

TEST_CASE("pictures that hold no numbers are not taken for grey ones") {
  const Scratch scratch;
  at::Tensor x = at::zeros({20, 1, 8, 8});
  x[3].fill_(NAN);
  CHECK_THAT(refusal(eval("digits:train", scratch.write("broken", {{"image", x}}))),
             Contains("not all of its values are finite"));
}

TEST_CASE("samples: draws a part of both sets, the same for a seed") {
  const auto draw = [](const char* seed) {
    return ask(eval("gaussians:train", "gaussians:test",
                    {"--metrics", "frechet", "--samples", "500", "--seed", seed}));
  };
  const Json first = draw("1");
  CHECK(first["protocol"]["real"]["samples"] == 500);
  CHECK(first["frechet"] == draw("1")["frechet"]);
  CHECK(first["frechet"] != draw("2")["frechet"]);
}

TEST_CASE("a metric learns the facts of the real data set, parameters in the name included") {
  const Json answer = ask(
      eval("gaussians,layout=grid:train", "gaussians,layout=grid,count=2000:test", {"--metrics", "modes"}));
  CHECK(answer["modes_covered"] == 25.0);
  // Within three deviations of a plane Gaussian: 1 - exp(-9 / 2).
  CHECK(answer["good_share"].get<double>() == Approx(1 - std::exp(-4.5)).margin(0.01));
}

TEST_CASE("sets that cannot be measured are one clear line") {
  const Scratch scratch;
  const std::string good = scratch.write("good", {{"features", normal({20, 4}, 1)}});
  SECTION("names") {
    CHECK_THAT(refusal(eval(good, "digit:train")),
               Contains("no dataset \"digit\"") && Contains("Nearest: \"digits\""));
    CHECK_THAT(refusal(eval(good, "digits")), Contains("say which split, as digits:train"));
    CHECK_THAT(refusal(eval(good, "digits:validation")),
               Contains("no split 'validation'") && Contains("train, test"));
    CHECK_THAT(refusal(eval(good, scratch / "missing")), Contains("no such file or folder"));
    CHECK_THAT(refusal(eval(good, good, {"--metrics", "frechte"})), Contains("Nearest: \"frechet\""));
    CHECK_THAT(refusal(eval(good, good, {"--set", "modes.radius=1"})), Contains("\"modes\" is neither"));
    CHECK_THAT(refusal(eval(good, good, {"--set", "prdc.k=0"})), Contains("/k") && Contains("out of range"));
    CHECK_THAT(refusal(eval(good, good, {"--metrics", "modes"})), Contains("states no modes"));
  }
  SECTION("tensors") {
    CHECK_THAT(refusal(eval(good, scratch.write("a", {{"feature", normal({20, 4}, 1)}}))),
               Contains("there is no tensor \"features\"; nearest: \"feature\""));
    CHECK_THAT(refusal(eval(good, scratch.write("a", {{"features", normal({20, 4, 1}, 1)}}))),
               Contains("has shape [20, 4, 1]; expected [n, d]"));
    CHECK_THAT(refusal(eval(good, scratch.write("a", {{"features", normal({20, 5}, 1)}}))),
               Contains("good has 4 numbers a sample") && Contains("a has 5 numbers a sample"));
    CHECK_THAT(refusal(eval(good, scratch.write("a", {{"features", normal({1, 4}, 1)}}))),
               Contains("at least 2"));
    CHECK_THAT(refusal(eval(good, scratch.write("a", {{"features", at::full({20, 4}, NAN)}}))),
               Contains("not all of its values are finite"));
    CHECK_THAT(refusal(eval(good, good, {"--samples", "21"})), Contains("has 20 samples, fewer than the 21"));
  }
  SECTION("files") {
    std::ofstream(scratch / "text") << "no tensors in here";
    CHECK_THAT(refusal(eval(good, scratch / "text")), Contains("not a safetensors file"));
  }
}
