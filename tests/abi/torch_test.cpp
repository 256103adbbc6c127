// The native tier: modules of native_zoo.cpp on one side, instances and parameter sets on the other.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <catch2/catch.hpp>

#include <filesystem>

#include <bridge/handle.hpp>
#include <bridge/instances.hpp>
#include <common/error.hpp>
#include <train/effective.hpp>
#include <train/ema.hpp>
#include <train/random.hpp>

namespace train = saddle::train;
using nlohmann::json;
using saddle::worker::find;
using saddle::worker::NamedTensors;

namespace {

const saddle::worker::Component& component(const std::string& kind, const std::string& name) {
  return saddle::worker::find_component(std::filesystem::path(FIXTURES) / "fixture_native_zoo.so", kind,
                                        name);
}

const train::ParameterSpec& parameter(const saddle::worker::Declared& declared, const std::string& name) {
  for (const auto& p : declared.parameters)
    if (p.name == name) return p;
  throw std::logic_error("no parameter " + name);
}

// A model with its tensors, as the worker has it.
struct Hosted {
  explicit Hosted(const std::string& name, const train::ParameterOptions& options = {})
      : model(component("model", name), "discriminator", {{"width", 4}}, json::object()),
        set(model.declared().parameters, model.declared().buffers, train::make_generator(1, "t"), options),
        weights(set, {}) {}
  NamedTensors forward(train::EffectiveWeights& from, const NamedTensors& inputs, train::Use use,
                       bool training = false) {
    from.begin(++update, use);
    std::vector<at::Tensor> parameters, buffers;
    for (size_t i = 0; i < set.parameters().size(); ++i) parameters.push_back(from.weight(i, update));
    for (const auto& b : model.declared().buffers) buffers.push_back(from.set().buffer(b.name));
    return model.forward(parameters, buffers, inputs, training);
  }
  NamedTensors forward(const at::Tensor& x, train::Use use, bool training = false) {
    return forward(weights, {{"image", x}}, use, training);
  }
  // The tensor that the module itself holds.
  at::Tensor own(const std::string& name) const { return parameter(model.declared(), name).own; }
  at::Tensor buffer(const std::string& name) const {
    for (const auto& b : model.declared().buffers)
      if (b.name == name) return b.own;
    throw std::logic_error("no buffer " + name);
  }
  const train::Parameter& trained(const std::string& name) const { return set.parameters()[set.index(name)]; }

  saddle::worker::Model model;
  train::ParameterSet set;
  train::EffectiveWeights weights;
  int64_t update = 0;
};

}  // namespace

TEST_CASE("native: a module's tensors are declared with what they are to their layers") {
  const Hosted zoo("zoo");
  const auto& declared = zoo.model.declared();
  using train::Layout;
  CHECK(parameter(declared, "linear.weight").layout == Layout::linear);
  CHECK(parameter(declared, "conv.weight").layout == Layout::conv);
  CHECK(parameter(declared, "up.weight").layout == Layout::conv_transpose);
  CHECK(parameter(declared, "table.weight").layout == Layout::embedding);
  CHECK(parameter(declared, "linear.bias").layout == Layout::other);
  CHECK(parameter(declared, "gain").layout == Layout::other);
  CHECK(declared.parameters.size() == 9);  // the tied weight once, the frozen one not
  std::vector<std::string> buffers;
  for (const auto& b : declared.buffers) buffers.push_back(b.name);
  CHECK(buffers == std::vector<std::string>{"frozen", "mode", "norm.running_mean", "norm.running_var",
                                            "norm.num_batches_tracked"});
  CHECK(zoo.set.buffers().at("mode").scalar_type() == at::kLong);
  CHECK(zoo.set.buffers().at("mode").item<int64_t>() == 7);
}

TEST_CASE("native: the host trains the module's own tensors") {
  Hosted zoo("zoo");
  CHECK(zoo.trained("linear.weight").raw.is_same(zoo.own("linear.weight")));
  const at::Tensor x = at::randn({6, 3}), label = at::tensor({0, 1, 2, 3, 4, 0});
  const NamedTensors out = zoo.forward(zoo.weights, {{"image", x}, {"label", label}}, train::Use::own, true);
  CHECK_FALSE(find(out, "features").defined());  // none in training
  const auto gradients = torch::autograd::grad({find(out, "logit").square().sum()}, zoo.weights.leaves(), {},
                                               std::nullopt, false, true);
  CHECK(gradients[zoo.set.index("linear.weight")].abs().sum().item<double>() > 0);
  CHECK(gradients[zoo.set.index("table.weight")].abs().sum().item<double>() > 0);
  CHECK_FALSE(gradients[zoo.set.index("conv.weight")].defined());
  CHECK(zoo.buffer("norm.num_batches_tracked").item<int64_t>() == 1);
  CHECK(zoo.buffer("norm.running_mean").abs().sum().item<double>() > 0);

  const NamedTensors measured = zoo.forward(x, train::Use::measure);
  CHECK_FALSE(find(measured, "logit").requires_grad());
  CHECK(at::equal(find(measured, "features"), find(measured, "logit") * 2));
  CHECK(zoo.buffer("norm.num_batches_tracked").item<int64_t>() == 1);
}

TEST_CASE("native: another player's update goes through the module without reaching its weights") {
  Hosted zoo("zoo");
  const at::Tensor x = at::randn({6, 3}).requires_grad_();
  const NamedTensors out = zoo.forward(x, train::Use::other, true);
  const at::Tensor by = torch::autograd::grad({find(out, "logit").square().sum()}, {x})[0];
  CHECK(by.abs().sum().item<double>() > 0);
  CHECK_FALSE(zoo.own("linear.weight").requires_grad());
}

TEST_CASE("native: averaged weights are lent to the module and taken back") {
  Hosted zoo("zoo");
  const at::Tensor x = at::randn({6, 3});
  train::Ema average(zoo.set, {.decay = 0.5, .start = 0});
  const at::Tensor address = zoo.own("linear.weight").detach();
  const at::Tensor expected = find(zoo.forward(x, train::Use::measure), "logit");
  {
    const at::NoGradGuard no_grad;
    for (const auto& p : zoo.set.parameters()) p.raw.mul_(3);
    zoo.set.buffer("norm.running_mean").add_(1);
  }
  const at::Tensor moved = find(zoo.forward(x, train::Use::measure), "logit");
  CHECK_FALSE(at::allclose(moved, expected));
  train::EffectiveWeights averaged(average.set(), {}, /*converge=*/true);
  CHECK(at::equal(find(zoo.forward(averaged, {{"image", x}}, train::Use::measure), "logit"), expected));
  CHECK(at::equal(find(zoo.forward(x, train::Use::measure), "logit"), moved));
  CHECK(zoo.own("linear.weight").data_ptr() == address.data_ptr());

  // Also when the pass fails. LibTorch's text comes without its backtrace.
  CHECK_THROWS_WITH(
      zoo.forward(averaged, {{"image", at::randn({6, 4})}}, train::Use::measure),
      Catch::Contains("model 'zoo'") && Catch::Contains("mat1 and mat2") && !Catch::Contains("frame #"));
  CHECK(zoo.own("linear.weight").data_ptr() == address.data_ptr());
  CHECK(at::equal(find(zoo.forward(x, train::Use::measure), "logit"), moved));
  zoo.forward(x, train::Use::own);
  CHECK(zoo.own("linear.weight").requires_grad());

  // A graph would find other weights than it was recorded with.
  CHECK_THROWS_WITH(
      zoo.forward(averaged, {{"image", at::randn({6, 3}).requires_grad_()}}, train::Use::measure),
      Catch::Contains("gradients were asked for"));
  CHECK(zoo.own("linear.weight").data_ptr() == address.data_ptr());
}

TEST_CASE("native: spectral norm reaches a module and its gradient comes back") {
  train::ParameterOptions options;
  options.norm = train::Norm::spectral;
  Hosted zoo("zoo", options);
  const auto& p = zoo.trained("linear.weight");
  CHECK(p.spec.norm == train::Norm::spectral);
  CHECK_FALSE(p.raw.is_same(zoo.own("linear.weight")));
  CHECK(zoo.trained("gain").spec.norm == train::Norm::none);
  const at::Tensor start = p.raw.detach().clone();

  at::manual_seed(5);
  const at::Tensor x = at::randn({6, 3});
  const NamedTensors out = zoo.forward(x, train::Use::own, true);
  // Not the sum of squares, which batch norm holds constant.
  const at::Tensor direction = at::randn_like(find(out, "logit"));
  const at::Tensor sigma = at::dot(p.singular.u.view(-1), at::mv(start, p.singular.v.view(-1)));
  CHECK(at::allclose(zoo.own("linear.weight"), start / sigma));
  auto gradients = torch::autograd::grad({(find(out, "logit") * direction).sum()}, zoo.weights.leaves(), {},
                                         std::nullopt, false, /*allow_unused=*/true);
  for (size_t i = 0; i < gradients.size(); ++i)
    if (!gradients[i].defined()) gradients[i] = at::zeros_like(zoo.weights.leaves()[i]);
  const at::Tensor by_raw = zoo.weights.pull_back(gradients)[zoo.set.index("linear.weight")];

  // By hand: the same formula on plain tensors.
  const at::Tensor raw = start.clone().requires_grad_();
  const at::Tensor weight = raw / at::dot(p.singular.u.view(-1), at::mv(raw, p.singular.v.view(-1)));
  const at::Tensor y = at::batch_norm(at::linear(x, weight, zoo.own("linear.bias")), zoo.own("norm.weight"),
                                      zoo.own("norm.bias"), {}, {}, true, 0.1, 1e-5, true) *
                           zoo.buffer("frozen") +
                       zoo.own("gain").sum();
  CHECK(at::allclose(by_raw, torch::autograd::grad({(y * direction).sum()}, {raw})[0], 1e-4, 1e-6));
}

TEST_CASE("native: the grid's init overrides the module's values, in its own tensors") {
  train::ParameterOptions options;
  options.init = train::Init::constant(0.25);
  const Hosted zoo("zoo", options);
  CHECK(zoo.own("linear.weight").eq(0.25).all().item<bool>());
  CHECK(zoo.own("norm.weight").eq(1).all().item<bool>());  // not a weight with two dimensions
}

TEST_CASE("native: type and memory format are the host's") {
  train::ParameterOptions options;
  options.dtype = at::kDouble;
  options.channels_last = true;
  const Hosted zoo("zoo", options);
  CHECK(zoo.own("conv.weight").scalar_type() == at::kDouble);
  CHECK(zoo.own("conv.weight").is_contiguous(at::MemoryFormat::ChannelsLast));
}

TEST_CASE("native: several modules in one role, and a module in a loss") {
  Hosted pair("pair");
  CHECK(parameter(pair.model.declared(), "a.line.weight").norm == train::Norm::spectral);
  CHECK(parameter(pair.model.declared(), "b.line.weight").norm == train::Norm::none);
  const at::Tensor x = at::randn({2, 3});
  const NamedTensors out = pair.forward(x, train::Use::own, true);
  const auto weight = [&](const char* name) { return pair.weights.weight(name, pair.update); };
  CHECK(at::allclose(find(out, "logit"), at::linear(x, weight("a.line.weight"), weight("a.line.bias")) +
                                             at::linear(x, weight("b.line.weight"), weight("b.line.bias"))));

  struct Image : saddle::worker::StepSource {
    at::Tensor input(const std::string&) override { return image; }
    at::Tensor output(const std::string&, const std::string&, const std::string&) override { return {}; }
    NamedTensors run(const std::string&, const NamedTensors&) override { return {}; }
    at::Tensor image;
  } source;
  source.image = x;
  const saddle::worker::Loss loss(component("loss", "proxy"), json::object(), json::object());
  const train::ParameterSet set(loss.declared().parameters, {}, train::make_generator(1, "t"));
  const std::vector<at::Tensor> own = set.leaves();
  const NamedTensors terms = loss.compute(source, "discriminator", 0, own, {});
  CHECK(at::allclose(find(terms, "line"), at::linear(x, own[0], own[1]).mean()));
  CHECK(find(terms, "line").requires_grad());
}

TEST_CASE("native: what a module draws when it is made depends on its own stream only") {
  const auto drawn = [](bool after_others) {
    const at::Generator stream = train::make_generator(5, "init/discriminator");
    if (after_others) at::randn({100});
    const train::DefaultStream drawing(stream);
    return at::randn({4});
  };
  at::manual_seed(1);
  const at::Tensor first = drawn(false), next = at::randn({2});
  CHECK(at::equal(first, drawn(true)));
  at::manual_seed(1);
  CHECK(at::equal(next, at::randn({2})));  // and leaves the default stream alone
}
