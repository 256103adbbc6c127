// The models against PyTorch networks built from the papers' drawings (tests/reference/models_reference.py).
#include "twin.hpp"

#include <bridge/trial_services.hpp>

using namespace saddle;
using namespace saddle::test;

namespace {

// Keeps the scalars that components record.
struct Scalars : worker::TrialServices {
  std::map<std::string, double> values;
  bool cancelled() const override { return false; }
  void progress(const std::string&, const std::string&, int64_t, int64_t) override {}
  void scalar(const std::string& name, double value) override { values[name] = value; }
  void picture(const std::string&, const at::Tensor&) override {}
  void file(const std::string&, const std::filesystem::path&, const std::string&) override {}
};

json facts_of(const json& shape) {
  return {{"sample_shape", shape}, {"classes", 0}, {"latent_size", 4}, {"models", json::array()}};
}

}  // namespace

TEST_CASE("every model computes what its PyTorch twin computes") {
  const auto file =
      train::read_safetensors(std::string(SADDLE_TEST_REFERENCE) + "/models_reference.safetensors");
  const json cases = json::parse(file.metadata.at("cases"));
  REQUIRE(cases.size() == 45);
  for (const auto& [name, c] : cases.items()) {
    DYNAMIC_SECTION(name) {
      const auto get = [&, prefix = name](const std::string& what) {
        return file.tensors.at(prefix + "/" + what);
      };
      const TestModel twin(c["model"], c["role"], c["config"], c["facts"]);
      const auto& declared = twin.model.declared();
      take_reference(twin, file, name);

      const at::Tensor x = get("input").clone().requires_grad_();
      NamedTensors inputs = {{twin.model.inputs().front(), x}};
      if (c["facts"]["classes"] > 0) inputs.emplace_back("label", get("label").to(at::kLong));
      for (const auto& [output, value] : twin(inputs, false))
        CHECK(relative_distance(value, get("eval/" + output)) < 1e-5);
      for (size_t i = 0; i < twin.buffers.size(); ++i)
        CHECK(at::equal(twin.buffers[i], get("buffer/" + declared.buffers[i].name)));

      at::Tensor squares = at::zeros({});
      const NamedTensors outputs = twin(inputs, true);
      CHECK(outputs.size() == twin.model.outputs().size());
      for (const auto& [output, value] : outputs) {
        CHECK(relative_distance(value, get(output)) < 1e-5);
        squares = squares + value.square().sum();
      }
      for (size_t i = 0; i < twin.buffers.size(); ++i)
        CHECK(relative_distance(twin.buffers[i], get("after/" + declared.buffers[i].name)) < 1e-5);
      std::vector<at::Tensor> sources = {x};
      sources.insert(sources.end(), twin.parameters.begin(), twin.parameters.end());
      const auto found = gradients(squares, sources);
      CHECK(relative_distance(found[0], get("gradient")) < 1e-5);
      // By the size of the whole gradient: a bias in front of a batch norm has none but rounding.
      double size = 1;
      for (const at::Tensor& gradient : found) size = std::max(size, gradient.abs().max().item<double>());
      for (size_t i = 0; i < twin.parameters.size(); ++i) {
        INFO(declared.parameters[i].name);
        CHECK(distance(found[i + 1], get("gradient_of/" + declared.parameters[i].name)) < 1e-5 * size);
      }
    }
  }
}

TEST_CASE("vqvae and its loss are their PyTorch twins, the codebook's learning included") {
  const auto file =
      train::read_safetensors(std::string(SADDLE_TEST_REFERENCE) + "/vqvae_reference.safetensors");
  const json cases = json::parse(file.metadata.at("cases"));
  REQUIRE(cases.size() == 2);
  for (const auto& [name, config] : cases.items()) {
    DYNAMIC_SECTION(name) {
      const auto get = [&, prefix = name](const std::string& what) {
        return file.tensors.at(prefix + "/" + what).to(at::kDouble);
      };
      json own = config;
      own.erase("shape");
      const json facts = facts_of(config["shape"]);
      const TestModel twin("vqvae", "autoencoder", own, facts, at::kDouble);
      const TestModel encoder("vqvae", "encoder", own, facts, at::kDouble);
      const auto& declared = twin.model.declared();
      {
        at::NoGradGuard no_grad;
        for (size_t i = 0; i < twin.parameters.size(); ++i)
          twin.parameters[i].copy_(get("weight/" + declared.parameters[i].name));
        for (size_t i = 0; i < encoder.parameters.size(); ++i)
          encoder.parameters[i].copy_(get("weight/" + encoder.model.declared().parameters[i].name));
        for (size_t i = 0; i < twin.buffers.size(); ++i)
          twin.buffers[i].copy_(get("buffer/" + declared.buffers[i].name));
      }
      TestLoss loss("vq_reconstruction", {{"perplexity_every", 2}});
      for (int step = 0; step < 3; ++step) {
        const std::string at = std::to_string(step) + "/";
        const at::Tensor x = get(at + "input");
        const NamedTensors evaluated = twin(x, false), outputs = twin(x, true);
        REQUIRE(outputs.size() == 5);
        for (const auto& [output, value] : outputs) {
          INFO(at << output);
          CHECK(relative_distance(value, get(at + output)) < 1e-6);
          CHECK(distance(value, worker::find(evaluated, output)) == 0);  // evaluation teaches nothing
          loss.tensors["autoencoder.real." + output] = value;
        }
        loss.tensors["real.augmented"] = x;
        for (size_t i = 0; i < twin.buffers.size(); ++i)
          CHECK(relative_distance(twin.buffers[i], get(at + "after/" + declared.buffers[i].name)) < 1e-6);
        for (const auto& [output, value] : encoder(x, false))
          CHECK(relative_distance(value, get(at + output)) < 1e-6);

        Scalars scalars;
        const worker::InTrial in_trial(scalars);
        const NamedTensors terms = loss.terms("autoencoder", step);
        REQUIRE(terms.size() == 2);
        for (const auto& [term, value] : terms)
          CHECK(value.item<double>() == Approx(get(at + term).item<double>()).epsilon(1e-6));
        REQUIRE(scalars.values.size() == (step % 2 == 0 ? 1 : 0));
        if (step % 2 == 0)
          CHECK(scalars.values.at("autoencoder/vq_reconstruction/perplexity") ==
                Approx(get(at + "perplexity").item<double>()).epsilon(1e-6));
        const auto found = gradients(terms[0].second + terms[1].second, twin.parameters);
        for (size_t i = 0; i < twin.parameters.size(); ++i) {
          INFO("gradient of " << declared.parameters[i].name);
          CHECK(relative_distance(found[i], get(at + "gradient_of/" + declared.parameters[i].name)) < 1e-6);
        }
      }
    }
  }
}

TEST_CASE("vqvae gives each place its nearest code, and passes the decoder's gradient by it") {
  at::manual_seed(3);
  const json config = {{"width", 4},       {"halvings", 1}, {"blocks", 1},
                       {"block_width", 3}, {"codes", 6},    {"code_size", 3}};
  const TestModel twin("vqvae", "autoencoder", config, facts_of({2, 4, 6}), at::kDouble);
  at::Tensor x = at::randn({3, 2, 4, 6}, at::kDouble).requires_grad_();
  const NamedTensors outputs = twin(x, false);
  const at::Tensor code = worker::find(outputs, "code"), quantized = worker::find(outputs, "quantized");
  const at::Tensor book = twin.buffers[0];
  at::Tensor usage = at::zeros({3, 6}, at::kDouble);
  for (int64_t n = 0; n < 3; ++n)
    for (int64_t i = 0; i < 2; ++i)
      for (int64_t j = 0; j < 3; ++j) {
        const at::Tensor place = code.detach().slice(0, n, n + 1).select(2, i).select(2, j).squeeze(0);
        const int64_t nearest = (book - place).norm(2, {1}).argmin().item<int64_t>();
        CHECK(distance(quantized[n].select(1, i).select(1, j), book[nearest]) == 0);
        usage[n][nearest] += 1.0 / 6;
      }
  CHECK(distance(worker::find(outputs, "usage"), usage) < 1e-12);
  CHECK_FALSE(quantized.requires_grad());

  // The encoder's outputs have gradients of their own: those of differences.
  const auto value = [&](const std::string& output) {
    return worker::find(twin(x, false), output).square().sum();
  };
  for (const std::string output : {"code", "features"}) {
    const auto found = gradients(value(output), {x, twin.parameters[0]});
    CHECK(finite_difference_error([&] { return value(output).item<double>(); }, x, found[0]) < 1e-6);
    CHECK(finite_difference_error([&] { return value(output).item<double>(); }, twin.parameters[0],
                                  found[1]) < 1e-6);
  }
  // So has what the decoder does with the codes, which do not move with its weights.
  for (size_t i = 0; i < twin.parameters.size(); ++i) {
    if (!twin.model.declared().parameters[i].name.starts_with("decoder.")) continue;
    const auto found = gradients(value("image"), {twin.parameters[i]});
    CHECK(finite_difference_error([&] { return value("image").item<double>(); }, twin.parameters[i],
                                  found[0]) < 1e-6);
  }
  // Differences of the picture by x are of another thing: straight through, it is as if code were decoded.
  CHECK(gradients(value("image"), {x})[0].abs().max().item<double>() > 0);

  CHECK_THAT(error_of([&] { TestModel("vqvae", "encoder", config, facts_of({2})); }),
             Catch::Contains("it takes pictures"));
  CHECK_THAT(error_of([&] {
               TestModel("vqvae", "encoder", config, facts_of({1, 5, 8}));
             }),
             Catch::Contains("pictures of 5 x 8 cannot be halved 1 times"));
}
