// saddle sample: a small trained trial, its generator computed again by hand.
#include "fixture.hpp"

#include <fstream>

#include <train/checkpoint.hpp>
#include <train/random.hpp>

using namespace saddle;
using namespace saddle::test;
using Catch::Matchers::Contains;

namespace {

const char* const kGrid = R"({
  "name": "points",
  "dataset": {"use": "gaussians", "count": 256},
  "models": {"generator": {"use": "mlp", "width": 8, "depth": 1}, "discriminator": {"use": "mlp", "width": 8}},
  "losses": [{"use": "ns"}],
  "optimizers": {"generator": {"use": "adam", "lr": 0.01}, "discriminator": {"use": "adam", "lr": 0.01}},
  "train": {"rounds": 12, "batch": 16, "latent": {"size": 4}, "ema": {"decay": 0.9}},
  "checkpoint": {"every": 5}
})";

// What the trial's generator makes of z, with one of its two sets of weights.
at::Tensor generate(const Tensors& checkpoint, const std::string& weights, const at::Tensor& z) {
  const Tensors w = train::with_prefix(checkpoint, "generator/" + weights + "/");
  const at::Tensor hidden = at::relu(at::matmul(z, w.at("layer0.weight").t()) + w.at("layer0.bias"));
  return at::matmul(hidden, w.at("output.weight").t()) + w.at("output.bias");
}

}  // namespace

TEST_CASE("samples come from the checkpoint's generator, averaged weights unless told otherwise") {
  const Scratch scratch;
  const std::string database = run_grid(scratch, "points", kGrid);
  Tensors checkpoint;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(scratch / "points.runs"))
    if (entry.path().filename() == "checkpoint.safetensors")
      checkpoint = train::load_checkpoint(entry.path()).tensors;
  REQUIRE_FALSE(checkpoint.empty());

  const auto sample = [&](const std::string& out, const Arguments& more) {
    Arguments arguments = {"sample", "1", "--db", database, "-n", "10", "--out", scratch / out};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Answer answer = run_saddle(arguments);
    INFO(answer.err);
    REQUIRE(answer.code == 0);
    CHECK_THAT(answer.out, Contains(scratch / out + ": 10 samples of ") && Contains(" at step 12"));
  };
  const at::Tensor z = at::empty({10, 4}).normal_(0, 1, train::make_generator(7, "sample"));
  sample("ema.safetensors", {"--seed", "7"});
  sample("raw.safetensors", {"--seed", "7", "--weights", "raw"});
  const at::Tensor ema = scratch.read("ema.safetensors").at("image"),
                   raw = scratch.read("raw.safetensors").at("image");
  CHECK(at::allclose(ema, generate(checkpoint, "ema", z), 1e-5, 1e-6));
  CHECK(at::allclose(raw, generate(checkpoint, "raw", z), 1e-5, 1e-6));
  CHECK_FALSE(at::allclose(ema, raw));
  CHECK(scratch.read("ema.safetensors").at("label").sizes() == at::IntArrayRef({10}));
  sample("other.safetensors", {"--seed", "8"});
  CHECK_FALSE(at::allclose(ema, scratch.read("other.safetensors").at("image")));
  sample("plot.png", {});
  CHECK(std::filesystem::file_size(scratch / "plot.png") > 100);

  CHECK_THAT(refusal({"sample", "nothing", "--db", database, "--out", scratch / "x.png"}),
             Contains("nothing"));
  CHECK_THAT(refusal({"sample", "1", "--db", database, "--out", scratch / "x.jpg"}),
             Contains("expected FILE.png"));
  CHECK_THAT(refusal({"sample", "1", "--db", database, "--out", scratch / "folder"}),
             Contains("points cannot be a folder of pictures"));
  std::filesystem::remove_all(scratch / "points.runs");
  CHECK_THAT(refusal({"sample", "1", "--db", database, "--out", scratch / "x.png"}),
             Contains("left no checkpoint in"));
}

TEST_CASE("a folder gets one PNG for each sample, and eval measures it") {
  const Scratch scratch;
  std::ofstream(scratch / "grid.json") << R"({
    "name": "pictures",
    "dataset": {"use": "digits"},
    "models": {"generator": {"use": "mlp", "width": 8}, "discriminator": {"use": "mlp", "width": 8}},
    "losses": [{"use": "ns"}],
    "optimizers": {"generator": {"use": "adam"}, "discriminator": {"use": "adam"}},
    "train": {"rounds": 2, "batch": 16}
  })";
  const std::string database = scratch / "pictures.db", folder = scratch / "samples";
  REQUIRE(run_saddle({"run", scratch / "grid.json", "--db", database}).code == 0);
  const Arguments sample = {"sample", "1", "--db", database, "-n", "12", "--out"};
  const auto into = [&](const std::string& out, const Arguments& more = {}) {
    Arguments arguments = sample;
    arguments.push_back(out);
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  };
  REQUIRE(run_saddle(into(folder)).code == 0);
  for (const char* name : {"/00000.png", "/00011.png"}) CHECK(std::filesystem::exists(folder + name));
  CHECK_FALSE(std::filesystem::exists(folder + "/00012.png"));
  REQUIRE(run_saddle(into(scratch / "out.safetensors")).code == 0);
  CHECK(scratch.read("out.safetensors").at("image").sizes() == at::IntArrayRef({12, 1, 8, 8}));
  const auto frechet = [&](const std::string& fake, const Arguments& more) {
    Arguments arguments = {"eval", "--real", "digits:train", "--fake", fake, "--metrics", "frechet"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return ask(arguments)["frechet"].get<double>();
  };
  // The tensors in [-1, 1] and the PNGs are the same bytes once they are measured.
  const double of_tensors = frechet(scratch / "out.safetensors", {});
  CHECK(of_tensors > 1);
  CHECK(frechet(folder, {"--set", "image_folder.size=8", "--set", "image_folder.channels=1"}) ==
        Approx(of_tensors));
  CHECK_THAT(refusal(into(scratch / "x.png", {"--weights", "ema"})), Contains("keeps no averaged weights"));
}

TEST_CASE("sampling a database that is not there is the machine's fault") {
  const Scratch scratch;
  const Answer answer = run_saddle({"sample", "1", "--db", scratch / "no.db", "--out", scratch / "x.png"});
  CHECK(answer.code == 3);
  CHECK_THAT(answer.err, Contains("no.db"));
}
