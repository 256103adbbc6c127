// saddle probe model: counts of the papers, passes against the formula written out.
#include "fixture.hpp"

#include <cstdlib>
#include <fstream>

using namespace saddle;
using namespace saddle::test;
using Catch::Matchers::Contains;

namespace {

// Weights of mlp as a discriminator of two inputs with one hidden layer of three units.
Tensors small_mlp() {
  return {{"layer0.weight", normal({3, 2}, 1)},
          {"layer0.bias", normal({3}, 2)},
          {"output.weight", normal({1, 3}, 3)},
          {"output.bias", normal({1}, 4)}};
}
Arguments probe_small_mlp(const Arguments& more) {
  Arguments arguments = {"probe", "model",   "mlp",   "--role", "discriminator",
                         "--set", "width=3", "--set", "depth=1"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}
at::Tensor hidden(const Tensors& w, const at::Tensor& weight, const at::Tensor& x) {
  return at::relu(at::matmul(x, weight.t()) + w.at("layer0.bias"));
}

}  // namespace

TEST_CASE("networks have the published numbers of parameters") {
  struct Row {
    const char *model, *role;
    int64_t count;
  };
  // SNGAN's 32 x 32 networks; DCGAN's as StudioGAN logs them.
  const auto row = GENERATE(Row{"sngan", "generator", 4276739}, Row{"sngan", "discriminator", 1053825},
                            Row{"dcgan", "generator", 3812355}, Row{"dcgan", "discriminator", 2931009});
  const Json answer = ask({"probe", "model", row.model, "--role", row.role, "--image", "3x32x32"});
  CHECK(answer["parameter_count"] == row.count);
  int64_t sum = 0;
  for (const Json& p : answer["parameters"]) {
    int64_t product = 1;
    for (const Json& size : p["shape"]) product *= size.get<int64_t>();
    sum += product;
  }
  CHECK(sum == row.count);
}

TEST_CASE("sizes follow the options") {
  // (28 * 28 + 1) * 5 + (5 + 1) * 5 + 5 + 1
  CHECK(ask({"probe", "model", "mlp", "--role", "discriminator", "--image", "1x28x28", "--set", "width=5",
             "--set", "depth=2"})["parameter_count"] == 785 * 5 + 6 * 5 + 6);
  // (7 + 1) * 5 + (5 + 1) * 2
  CHECK(ask({"probe", "model", "mlp", "--role", "generator", "--points", "2", "--latent", "7", "--set",
             "width=5", "--set", "depth=1"})["parameter_count"] == 8 * 5 + 6 * 2);
}

TEST_CASE("every parameter is listed with shape, initialiser and norm, the host's choice applied") {
  const Arguments base = {"probe",   "model", "dcgan", "--role", "discriminator",
                          "--image", "1x8x8", "--set", "width=2"};
  const auto find = [](const Json& list, const std::string& name) {
    for (const Json& entry : list)
      if (entry["name"] == name) return entry;
    return Json();
  };
  const Json own = ask(base);
  CHECK(find(own["parameters"], "conv0.weight") == Json{{"name", "conv0.weight"},
                                                        {"shape", {2, 1, 3, 3}},
                                                        {"init", "orthogonal(1)"},
                                                        {"norm", "none"},
                                                        {"layout", "conv"}});
  CHECK(find(own["buffers"], "conv0.norm.running_var") ==
        Json{{"name", "conv0.norm.running_var"}, {"shape", {2}}, {"value", 1.0}});
  CHECK(own["inputs"] == Json{"image"});
  CHECK(own["outputs"] == Json{"logit", "features", "map"});
  Arguments changed = base;
  for (const char* set : {"norm=spectral", "init=normal", "batch_norm=false"}) {
    changed.push_back("--set");
    changed.push_back(set);
  }
  const Json other = ask(changed);
  CHECK(find(other["parameters"], "conv0.weight")["init"] == "normal(0, 0.02)");
  CHECK(find(other["parameters"], "conv0.weight")["norm"] == "spectral");
  CHECK(find(other["parameters"], "conv0.bias")["norm"] == "none");
  CHECK(other["buffers"].empty());
}

TEST_CASE("a forward pass equals the formula, in the inputs' precision") {
  const Scratch scratch;
  const bool twice = GENERATE(false, true);
  const Tensors w = small_mlp();
  const at::Tensor x = normal({5, 2}, 5);
  const std::string inputs = scratch.write("in", {{"image", twice ? x : x.to(at::kFloat)}});
  const Json answer = ask(
      probe_small_mlp({"--inputs", inputs, "--weights", scratch.write("w", w), "--out", scratch / "out"}));
  const Tensors out = scratch.read("out");
  REQUIRE(out.size() == 2);
  const double tolerance = twice ? 1e-12 : 1e-5;
  const at::Tensor features = hidden(w, w.at("layer0.weight"), x);
  const at::Tensor logit = at::matmul(features, w.at("output.weight").t()) + w.at("output.bias");
  CHECK(out.at("logit").scalar_type() == (twice ? at::kDouble : at::kFloat));
  CHECK(at::allclose(out.at("features").to(at::kDouble), features, tolerance, tolerance));
  CHECK(at::allclose(out.at("logit").to(at::kDouble), logit, tolerance, tolerance));
  CHECK(answer["forward"]["logit"]["shape"] == Json{5, 1});
  CHECK(answer["forward"]["logit"]["mean"].get<double>() == Approx(logit.mean().item<double>()).margin(1e-5));
}

TEST_CASE("spectral norm divides plain weights by their largest singular value") {
  const Scratch scratch;
  const Tensors w = small_mlp();
  const at::Tensor x = normal({5, 2}, 5);
  ask(probe_small_mlp({"--set", "norm=spectral", "--inputs", scratch.write("in", {{"image", x}}), "--weights",
                       scratch.write("w", w), "--out", scratch / "out"}));
  const at::Tensor weight = w.at("layer0.weight") / std::get<1>(at::linalg_svd(w.at("layer0.weight")))[0];
  CHECK(at::allclose(scratch.read("out").at("features"), hidden(w, weight, x), 1e-9, 1e-9));
}

TEST_CASE("batch norm uses running statistics, with --training those of the batch") {
  const Scratch scratch;
  const Tensors w = small_mlp();
  const at::Tensor x = normal({6, 2}, 5),
                   pre = at::matmul(x, w.at("layer0.weight").t()) + w.at("layer0.bias");
  Tensors all = w;
  all["norm0.weight"] = normal({3}, 6);
  all["norm0.bias"] = normal({3}, 7);
  all["norm0.running_mean"] = normal({3}, 8);
  all["norm0.running_var"] = normal({3}, 9).square();
  const bool training = GENERATE(false, true);
  Arguments arguments =
      probe_small_mlp({"--set", "batch_norm=true", "--inputs", scratch.write("in", {{"image", x}}),
                       "--weights", scratch.write("w", all), "--out", scratch / "out"});
  if (training) arguments.push_back("--training");
  ask(arguments);
  const at::Tensor mean = training ? pre.mean(0) : all["norm0.running_mean"];
  const at::Tensor variance = training ? pre.var(0, /*unbiased=*/false) : all["norm0.running_var"];
  const at::Tensor normed = (pre - mean) / (variance + 1e-5).sqrt() * all["norm0.weight"] + all["norm0.bias"];
  CHECK(at::allclose(scratch.read("out").at("features"), at::relu(normed), 1e-9, 1e-9));
}

TEST_CASE("a seed gives the same initial weights, and saved ones can be given back") {
  const Scratch scratch;
  const std::string inputs = scratch.write("in", {{"z", normal({3, 8}, 1).to(at::kFloat)}});
  const auto probe = [&](const char* seed, const std::string& out, const Arguments& more) {
    Arguments arguments = {"probe",   "model",    "dcgan", "--role",  "generator",
                           "--image", "1x8x8",    "--set", "width=4", "--seed",
                           seed,      "--inputs", inputs,  "--out",   scratch / out};
    arguments.insert(arguments.end(), more.begin(), more.end());
    ask(arguments);
    return scratch.read(out).at("image");
  };
  const at::Tensor first = probe("3", "a", {"--save-weights", scratch / "weights"});
  CHECK(first.sizes() == at::IntArrayRef({3, 1, 8, 8}));
  CHECK(at::equal(first, probe("3", "b", {})));
  const at::Tensor other = probe("4", "c", {});
  CHECK_FALSE(at::allclose(first, other));
  CHECK(at::equal(first, probe("4", "d", {"--weights", scratch / "weights"})));
}

TEST_CASE("what a model cannot be asked is one clear line") {
  const Scratch scratch;
  const auto mlp = [&](const Arguments& more) { return refusal(probe_small_mlp(more)); };
  SECTION("unknown names") {
    CHECK_THAT(refusal({"probe", "model", "sngn", "--role", "generator"}),
               Contains("no model \"sngn\"") && Contains("Nearest: \"sngan\""));
    CHECK_THAT(refusal({"probe", "model", "hinge", "--role", "generator"}),
               Contains("no model \"hinge\"") && Contains("There is a loss of that name"));
    CHECK_THAT(refusal({"probe", "model", "mlp", "--role", "generatr"}),
               Contains("no role \"generatr\"") && Contains("Nearest: \"generator\""));
    CHECK_THAT(mlp({"--set", "widht=3"}),
               Contains("unknown key \"widht\"") && Contains("Nearest: \"width\""));
  }
  SECTION("values") {
    CHECK_THAT(mlp({"--set", "width=0"}), Contains("/width") && Contains("out of range"));
    CHECK_THAT(mlp({"--set", "width"}), Contains("expected KEY=VALUE"));
    CHECK_THAT(mlp({"--image", "3x32"}), Contains("expected channels, height and width"));
    CHECK_THAT(refusal({"probe", "model", "sngan", "--role", "generator", "--image", "3x30x30"}),
               Contains("multiple of 4"));
  }
  SECTION("tensors") {
    CHECK_THAT(mlp({"--inputs", scratch.write("in", {{"imag", normal({5, 2}, 1)}})}),
               Contains("tensor \"imag\" is no input of mlp as discriminator, which takes image"));
    CHECK_THAT(mlp({"--points", "3", "--inputs", scratch.write("in", {{"image", normal({5, 2}, 1)}})}),
               Contains("\"image\" has shape [5, 2]") && Contains("n samples of [3]"));
    CHECK_THAT(mlp({"--inputs", scratch.write("in", {{"image", at::zeros({5, 2}, at::kByte)}})}),
               Contains("is Byte") && Contains("x / 127.5 - 1"));
    CHECK_THAT(mlp({"--inputs", scratch.write("in", {})}), Contains("is empty"));
    CHECK_THAT(refusal({"probe", "model", "mlp", "--role", "generator", "--latent", "4", "--points", "2",
                        "--inputs", scratch.write("in", {{"z", normal({5, 3}, 1)}})}),
               Contains("\"z\" has shape [5, 3]; expected [n, 4]"));
    CHECK_THAT(mlp({"--out", scratch / "out"}), Contains("needs --inputs"));
  }
  SECTION("weights") {
    const std::string inputs = scratch.write("in", {{"image", normal({5, 2}, 1)}});
    Tensors missing = small_mlp(), wrong = small_mlp();
    missing.erase("output.bias");
    CHECK_THAT(mlp({"--inputs", inputs, "--weights", scratch.write("w", missing)}),
               Contains("w: weights of mlp as discriminator: tensor \"output.bias\" is missing"));
    wrong["layer0.weight"] = normal({2, 3}, 1);
    CHECK_THAT(mlp({"--inputs", inputs, "--weights", scratch.write("w", wrong)}), Contains("layer0.weight"));
  }
}

TEST_CASE("a file that is not there is the machine's fault, and named") {
  const Answer answer =
      run_saddle({"probe", "model", "mlp", "--role", "generator", "--inputs", "/nowhere/a"});
  CHECK(answer.code == 3);
  CHECK_THAT(answer.err, Contains("/nowhere/a: cannot be opened: No such file"));
}

TEST_CASE("a component that ends the worker is a message, not the end of saddle") {
  const Scratch scratch;
  const std::string worker = scratch / "worker";
  const std::string real = (std::filesystem::path(SADDLE_PROGRAM).parent_path() / "saddle-worker").string();
  std::ofstream(worker) << "#!/bin/sh\n[ \"$1\" = describe ] && exec " << real << " \"$@\"\nkill -SEGV $$\n";
  std::filesystem::permissions(worker, std::filesystem::perms::owner_all);
  ::setenv("SADDLE_WORKER", worker.c_str(), 1);
  const Answer answer = run_saddle({"probe", "model", "mlp", "--role", "generator"});
  ::unsetenv("SADDLE_WORKER");
  CHECK(answer.code == 1);
  CHECK_THAT(answer.err, Contains("model mlp: the worker was ended by signal 11 (Segmentation fault)"));
}
