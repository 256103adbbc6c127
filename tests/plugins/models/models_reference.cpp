// The models against PyTorch networks built from the papers' drawings (tests/reference/models_reference.py).
#include <plugins/harness.hpp>

#include <catch2/catch.hpp>

using namespace saddle;
using namespace saddle::test;

TEST_CASE("every model computes what its PyTorch twin computes") {
  const auto file =
      train::read_safetensors(std::string(SADDLE_TEST_REFERENCE) + "/models_reference.safetensors");
  const json cases = json::parse(file.metadata.at("cases"));
  REQUIRE(cases.size() == 34);
  for (const auto& [name, c] : cases.items()) {
    DYNAMIC_SECTION(name) {
      const auto get = [&, prefix = name](const std::string& what) {
        return file.tensors.at(prefix + "/" + what);
      };
      const TestModel twin(c["model"], c["role"], c["config"], c["facts"]);
      size_t given = 0;
      for (const auto& [key, tensor] : file.tensors)
        given += key.starts_with(name + "/weight/") || key.starts_with(name + "/buffer/");
      REQUIRE(given == twin.parameters.size() + twin.buffers.size());
      const auto& declared = twin.model.declared();
      {
        at::NoGradGuard no_grad;
        for (size_t i = 0; i < twin.parameters.size(); ++i) {
          const at::Tensor weight = get("weight/" + declared.parameters[i].name);
          REQUIRE(weight.sizes() == twin.parameters[i].sizes());
          twin.parameters[i].copy_(weight);
        }
        for (size_t i = 0; i < twin.buffers.size(); ++i)
          twin.buffers[i].copy_(get("buffer/" + declared.buffers[i].name));
      }

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
