// Plugins of other times in this host: each works, or is refused by the name of what is missing.
#include <ATen/ATen.h>

#include <catch2/catch.hpp>

#include <filesystem>

#include <bridge/handle.hpp>
#include <bridge/instances.hpp>

using namespace saddle::worker;
using Catch::Contains;
using Catch::Equals;
using nlohmann::json;

namespace {

std::filesystem::path file_of(const std::string& name) {
  return std::filesystem::path(NEGOTIATION_PLUGINS) / ("negotiation_" + name + ".so");
}

std::string refusal(const std::string& name) {
  const json line = describe_plugin(file_of(name));
  INFO(line.dump(1));
  REQUIRE_FALSE(line.at("ok").get<bool>());
  return line.at("error");
}

// Creates the model, runs it, and compares it with what ATen says.
void check_works(const std::string& name, at::Tensor (*activation)(const at::Tensor&) = at::relu) {
  const int64_t before = handle_count();
  {
    const Model model(find_component(file_of(name), "model", "negotiated"), "discriminator", json::object(),
                      json::object());
    REQUIRE(model.declared().parameters.size() == 1);
    CHECK(model.declared().parameters[0].shape == std::vector<int64_t>{4, 3});
    CHECK_FALSE(model.declared().parameters[0].own.defined());
    REQUIRE(model.declared().buffers.size() == 1);
    CHECK(model.declared().buffers[0].value == 2.5);
    CHECK_FALSE(model.declared().buffers[0].own.defined());
    const std::vector<at::Tensor> weight = {at::randn({4, 3})}, buffer = {at::full({4}, 2.5)};
    const at::Tensor image = at::randn({2, 3});
    const NamedTensors outputs = model.forward(weight, buffer, {{"image", image}}, true);
    CHECK(at::equal(find(outputs, "logit"), activation(at::linear(image, weight[0]))));
  }
  CHECK(handle_count() == before);
}

}  // namespace

TEST_CASE("an older plugin, whose structs are shorter, works") { check_works("older"); }

TEST_CASE("a newer plugin, whose structs are longer, works") { check_works("newer"); }

TEST_CASE("a newer version of the ABI is refused by number") {
  CHECK_THAT(refusal("newer_version"), Equals("speaks ABI version 2; this host speaks version 1"));
}

TEST_CASE("an extension that the plugin cannot do without is there, or refused by its id") {
  check_works("known_extension");
  CHECK_THAT(refusal("unknown_extension"),
             Equals("needs what this host does not have: saddle.telepathy/1, saddle.function/9"));
}

TEST_CASE("an operator that is missing is refused by name") {
  CHECK_THAT(refusal("operator_missing"),
             Contains("has no operator aten::relu_of_tomorrow") && Contains("this LibTorch ("));
}

TEST_CASE("an operator with an incompatible schema is refused with both schemas") {
  CHECK_THAT(refusal("operator_incompatible"),
             Contains("operator aten::relu ") &&
                 Contains("the plugin calls  aten::relu(Tensor self, int sharpness) -> Tensor") &&
                 Contains("LibTorch has      aten::relu(Tensor self) -> Tensor"));
}

TEST_CASE("an operator with newer trailing defaults works as far as they are the defaults") {
  check_works("operator_newer");
  const Model model(find_component(file_of("operator_newer_used"), "model", "negotiated"), "discriminator",
                    json::object(), json::object());
  const std::vector<at::Tensor> weight = {at::randn({4, 3})}, buffer = {at::zeros({4})};
  CHECK_THROWS_WITH(model.forward(weight, buffer, {{"image", at::randn({2, 3})}}, true),
                    Contains("model 'negotiated'") && Contains("aten::relu") && Contains("default"));
}

TEST_CASE("an operator from before its newer arguments works with their defaults") {
  check_works("operator_older", [](const at::Tensor& x) { return at::softplus(x); });
}
