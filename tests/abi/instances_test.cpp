#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <catch2/catch.hpp>

#include <filesystem>

#include <bridge/handle.hpp>
#include <bridge/instances.hpp>
#include <common/error.hpp>

using namespace saddle::worker;
using nlohmann::json;

namespace {

const Component& fixture(const char* kind, const char* name) {
  return find_component(std::filesystem::path(FIXTURES) / "fixture_c_model.so", kind, name);
}
const Component& bundled(const std::string& kind, const std::string& name) {
  return find_component(std::filesystem::path(PLUGINS) / (kind + "_" + name + ".so"), kind, name);
}

// Answers a loss from a table of outputs.
struct Table : StepSource {
  NamedTensors outputs, inputs;
  at::Tensor input(const std::string& name) override { return find(inputs, name); }
  at::Tensor output(const std::string&, const std::string& sample, const std::string& name) override {
    const at::Tensor t = find(outputs, sample + "." + name);
    if (!t.defined()) throw saddle::Error("there is no " + sample + "." + name);
    return t;
  }
  NamedTensors run(const std::string&, const NamedTensors&) override { throw saddle::Error("no model here"); }
};

}  // namespace

TEST_CASE("a model in C declares, computes and is differentiated") {
  const int64_t before = handle_count();
  {
    const Model model(fixture("model", "c_model"), "discriminator", {{"width", 5}}, json::object());
    REQUIRE(model.declared().parameters.size() == 1);
    CHECK(model.declared().parameters[0].shape == std::vector<int64_t>{5, 3});
    const std::vector<at::Tensor> weights = {at::randn({5, 3}).requires_grad_(true)};
    const at::Tensor x = at::randn({2, 3});
    const NamedTensors out = model.forward(weights, {}, {{"image", x}}, true);
    CHECK(at::equal(find(out, "logit"), at::relu(at::linear(x, weights[0]))));
    const auto gradient = torch::autograd::grad({find(out, "logit").sum()}, weights);
    CHECK(at::allclose(gradient[0], (at::linear(x, weights[0]) > 0).to(at::kFloat).t().matmul(x)));
  }
  CHECK(handle_count() == before);
}

TEST_CASE("what a component says went wrong is passed on with its name") {
  CHECK_THROWS_WITH(Model(fixture("model", "c_model"), "discriminator", {{"width", "wide"}}, json::object()),
                    Catch::Equals("model 'c_model': width is not an integer"));
  CHECK_THROWS_WITH(Model(fixture("model", "c_model"), "discriminator", {{"width", 0}}, json::object()),
                    Catch::Contains("dimension of size 0"));
  CHECK_THROWS_WITH(Model(fixture("model", "c_model"), "generator", {{"width", 2}}, json::object()),
                    Catch::Contains("plays no role 'generator'"));
  const Model model(fixture("model", "c_model"), "discriminator", {{"width", 5}}, json::object());
  const std::vector<at::Tensor> weights = {at::randn({5, 3})};
  CHECK_THROWS_WITH(model.forward(weights, {}, {}, true), Catch::Equals("model 'c_model': no image"));
  CHECK_THROWS_WITH(model.forward(weights, {}, {{"image", at::randn({2, 4})}}, true),
                    Catch::Contains("model 'c_model'") && Catch::Contains("2x4"));
}

TEST_CASE("two instances are independent") {
  const Model narrow(fixture("model", "c_model"), "discriminator", {{"width", 2}}, json::object());
  const Model wide(fixture("model", "c_model"), "discriminator", {{"width", 7}}, json::object());
  CHECK(narrow.declared().parameters[0].shape[0] == 2);
  CHECK(wide.declared().parameters[0].shape[0] == 7);
}

TEST_CASE("a loss gives terms, in C and through the SDK") {
  Table table;
  const at::Tensor real = at::tensor({2.0, 0.5, -1.0}).to(at::kFloat),
                   fake = at::tensor({-2.0, 0.0}).to(at::kFloat);
  table.outputs = {{"real.logit", real}, {"fake.logit", fake}};
  const Loss c(fixture("loss", "c_loss"), json::object(), json::object());
  CHECK(at::equal(find(c.compute(table, "discriminator", 0, {}, {}), "mean"), real.mean()));

  // The other parameters have their defaults, as in trials that were planned before there were these.
  const Loss hinge(bundled("loss", "hinge"), {{"margin", 1.5}}, json::object());
  CHECK(hinge.speaks_to("generator"));
  CHECK_FALSE(hinge.speaks_to("classifier"));
  CHECK(hinge.needs("discriminator") == std::vector<std::string>{"discriminator.logit"});
  const NamedTensors terms = hinge.compute(table, "discriminator", 0, {}, {});
  CHECK(find(terms, "hinge_real").item<float>() == Approx(at::relu(1.5 - real).mean().item<float>()));
  CHECK(find(terms, "hinge_fake").item<float>() == Approx(at::relu(1.5 + fake).mean().item<float>()));

  table.outputs.clear();
  CHECK_THROWS_WITH(hinge.compute(table, "generator", 0, {}, {}), Catch::Contains("there is no fake.logit"));
}

TEST_CASE("a data set is read by indices") {
  const Component& component = bundled("dataset", "gaussians");
  json config = json::object();
  for (const auto& [key, schema] : component.description["parameters"]["properties"].items())
    config[key] = schema["default"];
  const Dataset data(component, config, json::object());
  CHECK(data.info().dtype == at::kFloat);
  CHECK(data.info().shape == std::vector<int64_t>{2});
  const std::vector<int64_t> twice = {3, 3, 5};
  const auto [points, labels] = data.read(data.split("train"), twice);
  CHECK(at::equal(points[0], points[1]));
  CHECK_FALSE(at::equal(points[0], points[2]));
  CHECK_THROWS_WITH(data.split("validation"), Catch::Contains("train"));
}
