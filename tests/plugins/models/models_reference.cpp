// The models against PyTorch networks built from the papers' drawings (tests/reference/models_reference.py).
#include <plugins/harness.hpp>

#include <catch2/catch.hpp>

using namespace saddle;
using namespace saddle::test;

TEST_CASE("every model computes what its PyTorch twin computes") {
  const auto file =
      train::read_safetensors(std::string(SADDLE_TEST_REFERENCE) + "/models_reference.safetensors");
  const json cases = json::parse(file.metadata.at("cases"));
  REQUIRE(cases.size() == 13);
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
      for (const auto& [output, value] : twin(x, false)) CHECK(distance(value, get("eval/" + output)) < 1e-5);
      for (size_t i = 0; i < twin.buffers.size(); ++i)
        CHECK(at::equal(twin.buffers[i], get("buffer/" + declared.buffers[i].name)));

      at::Tensor squares = at::zeros({});
      const NamedTensors outputs = twin(x, true);
      CHECK(outputs.size() == twin.model.outputs().size());
      for (const auto& [output, value] : outputs) {
        CHECK(distance(value, get(output)) < 1e-5);
        squares = squares + value.square().sum();
      }
      for (size_t i = 0; i < twin.buffers.size(); ++i)
        CHECK(distance(twin.buffers[i], get("after/" + declared.buffers[i].name)) < 1e-5);
      const at::Tensor expected = get("gradient");
      CHECK(distance(gradients(squares, {x})[0], expected) <
            1e-5 * std::max(1.0, expected.abs().max().item<double>()));
    }
  }
}
