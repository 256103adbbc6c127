// Every bundled model and loss, from the same weights and inputs, forward and backward, in float64.
#include <ATen/ATen.h>

#include <catch2/catch.hpp>

#include <iterator>
#include <map>
#include <set>
#include <sstream>

#include <train/random.hpp>
#include <train/safetensors.hpp>

#include "workers.hpp"

using namespace saddle;
using namespace saddle::test;

namespace {

constexpr double kTolerance = 1e-9;
constexpr int64_t kBatch = 4, kLatent = 16, kClasses = 10;  // as in kFacts

at::Tensor tensor_of(const std::string& input, int64_t side = 32) {
  if (input == "label") return at::arange(kBatch) * 3 % kClasses;
  const auto shape = input.starts_with("z") ? std::vector<int64_t>{kBatch, kLatent}
                                            : std::vector<int64_t>{kBatch, 3, side, side};
  return at::empty(shape, at::kDouble).normal_(0, 1, train::make_generator(7, input)).clamp_(-1, 1);
}

// "--role generator" as two arguments.
Arguments words(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

std::string facts(int64_t side) {
  const std::string n = std::to_string(side);
  return " --classes 10 --latent 16 --seed 5 --image 3x" + n + "x" + n;
}
const std::string kFacts = facts(32);

bool has_width(const Json& component) {
  return component.at("parameters").at("properties").contains("width");
}
// Default sizes are for real pictures.
std::string small(const Json& model) {
  return model.at("name").get<std::string>() + (has_width(model) ? ",width=16" : "");
}

bool is_for_games(const std::string& role) { return role == "generator" || role == "discriminator"; }

}  // namespace

TEST_CASE("every bundled model gives the same under both LibTorches") {
  if (!has_older_worker()) return;
  const Scratch scratch;
  int checked = 0;
  for (const Json& model : shared_components("model"))
    for (const auto& [role, ports] : model.at("roles").items()) {
      const std::string name = model.at("name");
      INFO(name << " as " << role);
      Tensors inputs;
      const int64_t side = is_for_games(role) ? 32 : 80;  // inception_v3 takes 75 at the least
      // Those that may be left out have shapes of the model's own.
      const std::set<std::string> known = {"image", "z", "label"};
      for (const std::string input : ports.at("inputs"))
        if (known.contains(input)) inputs[input] = tensor_of(input, side);
      train::write_safetensors(scratch / "inputs", inputs);
      Tensors outputs[2], weights[2];
      for (const Worker worker : kBoth) {
        std::string probe = "probe model " + name + " --role " + role + facts(side) + " --inputs " +
                            (scratch / "inputs") + " --out " + (scratch / "outputs") + " --save-weights " +
                            (scratch / name_of(worker));
        if (has_width(model)) probe += " --set width=16";
        if (!is_for_games(role) && model.at("parameters").at("properties").contains("weights"))
          probe += " --set weights=random";  // an extractor; those of its file are not at hand
        if (worker == Worker::older) probe += " --weights " + (scratch / "newer");
        run_saddle(worker, words(probe));
        outputs[int(worker)] = train::read_safetensors(scratch / "outputs").tensors;
        weights[int(worker)] = train::read_safetensors(scratch / name_of(worker)).tensors;
      }
      check_same(outputs[0], outputs[1], kTolerance);
      check_same(weights[0], weights[1], 0);
      ++checked;
    }
  CHECK(checked >= 6);
}

TEST_CASE("every bundled model has the same gradients under both LibTorches") {
  if (!has_older_worker()) return;
  const Scratch scratch;
  train::write_safetensors(scratch / "discriminator", {{"real.image", tensor_of("image")},
                                                       {"real.label", tensor_of("label")},
                                                       {"fake.image", -tensor_of("image")},
                                                       {"fake.label", tensor_of("label")}});
  train::write_safetensors(scratch / "generator", {{"latent.z", tensor_of("z")},
                                                   {"latent.label", tensor_of("label")},
                                                   {"fake.label", tensor_of("label")}});
  int checked = 0;
  for (const Json& model : shared_components("model"))
    for (const auto& [role, ports] : model.at("roles").items()) {
      if (!is_for_games(role)) continue;
      const std::string name = model.at("name");
      INFO(name << " as " << role);
      std::string describe = "probe model " + name + " --json --role " + role + kFacts;
      if (has_width(model)) describe += " --set width=16";
      const Json described = Json::parse(run_saddle(Worker::newer, words(describe)));
      std::string probe = "probe loss wasserstein --role " + role + kFacts + " --inputs " + (scratch / role) +
                          " --out " + (scratch / "gradients") + " --model " + role + "=" + small(model);
      if (role == "generator") probe += " --model discriminator=mlp,width=16";
      for (const Json& parameter : described.at("parameters"))
        probe += " --grad " + role + "/" + parameter.at("name").get<std::string>();
      Tensors gradients[2];
      for (const Worker worker : kBoth) {
        run_saddle(worker, words(probe));
        gradients[int(worker)] = train::read_safetensors(scratch / "gradients").tensors;
      }
      CHECK(gradients[0].size() == described.at("parameters").size());
      check_same(gradients[0], gradients[1], kTolerance);
      ++checked;
    }
  CHECK(checked >= 6);
}

TEST_CASE("every bundled loss gives the same under both LibTorches") {
  if (!has_older_worker()) return;
  const Scratch scratch;
  const Tensors all = {{"real.image", tensor_of("image")},     {"real.label", tensor_of("label")},
                       {"fake.image", -tensor_of("image")},    {"fake.label", tensor_of("label")},
                       {"latent.z", tensor_of("z")},           {"latent.label", tensor_of("label")},
                       {"labelled.image", tensor_of("image")}, {"labelled.label", tensor_of("label")}};
  Tensors drawn = all;  // without fake.image, which the generator then makes
  drawn.erase("fake.image");
  train::write_safetensors(scratch / "discriminator", all);
  train::write_safetensors(scratch / "generator", drawn);
  const auto player = [](const std::string& loss) {
    const std::map<std::string, std::string> own = {
        {"unet", "unet"}, {"semi_supervised", "improved_gan"}, {"reconstruction", "fastgan"}};
    return (own.contains(loss) ? own.at(loss) : "dcgan") + ",width=16";
  };
  const auto maker = [](const std::string& loss) -> std::string {
    return loss == "conditioning" ? "stackgan" : loss == "path_length" ? "stylegan2" : "dcgan";
  };
  // The generator's losses that do not depend on the sampled z.
  const auto source = [](const std::string& loss) -> std::string {
    return loss == "conditioning"  ? "generator/condition.weight"
           : loss == "fixed_noise" ? "generator/project.weight"
                                   : "latent.z";
  };
  int checked = 0;
  for (const Json& loss : shared_components("loss"))
    for (const auto& [role, speech] : loss.at("roles").items()) {
      const std::string name = loss.at("name");
      INFO(name << " for the " << role);
      if (!is_for_games(role)) continue;
      const std::string probe = "probe loss " + name + " --json --role " + role + kFacts + " --inputs " +
                                (scratch / role) + " --out " + (scratch / "gradients") +
                                " --model discriminator=" + player(name) +
                                " --model generator=" + maker(name) + ",width=16 --grad " +
                                (role == "generator" ? source(name) : "real.image");
      Json answers[2];
      Tensors gradients[2];
      for (const Worker worker : kBoth) {
        answers[int(worker)] = Json::parse(run_saddle(worker, words(probe)));
        gradients[int(worker)] = train::read_safetensors(scratch / "gradients").tensors;
      }
      REQUIRE(answers[0].at("terms").size() == answers[1].at("terms").size());
      for (const auto& [term, value] : answers[0].at("terms").items()) {
        INFO("term " << term);
        CHECK(answers[1].at("terms").at(term).get<double>() ==
              Approx(value.get<double>()).epsilon(kTolerance));
      }
      check_same(gradients[0], gradients[1], kTolerance);
      ++checked;
    }
  CHECK(checked >= 10);
}

TEST_CASE("a plugin of the native tier is refused by a worker with another LibTorch") {
  if (!has_older_worker()) return;
  const std::string file = bundled("loss_native_hinge");
  CHECK(describe(Worker::newer, {file}).at(file).at("ok").get<bool>());
  const Json line = describe(Worker::older, {file}).at(file);
  CHECK_FALSE(line.at("ok").get<bool>());
  CHECK_THAT(line.at("error").get<std::string>(), Catch::Contains("LibTorch"));
}
