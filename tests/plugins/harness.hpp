// Runs components of the bundled plugins from a test. Include it before Catch: both define CHECK.
#pragma once
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <bridge/instances.hpp>
#include <bridge/loader.hpp>
#include <train/parameters.hpp>
#include <train/safetensors.hpp>

namespace saddle::test {

using nlohmann::json;
using worker::NamedTensors;

inline const worker::Component& component(const std::string& kind, const std::string& name) {
  const std::filesystem::path folder = SADDLE_TEST_PLUGINS;
  return worker::find_component(folder / (kind + "_" + name + ".so"), kind, name);
}

// `config` with the component's defaults filled in; no check against the schema.
inline json with_defaults(const worker::Component& c, json config) {
  for (const auto& [key, schema] : c.description.at("parameters").at("properties").items())
    if (!config.contains(key)) config[key] = schema.at("default");
  return config;
}

// A model with its tensors.
class TestModel {
 public:
  TestModel(const std::string& name, const std::string& role, const json& config, const json& facts,
            at::ScalarType dtype = at::kFloat, uint64_t seed = 1)
      : model(component("model", name), role, with_defaults(component("model", name), config), facts),
        set(model.declared().parameters, model.declared().buffers, generator(seed), {.dtype = dtype}) {
    for (const auto& p : set.parameters()) parameters.push_back(p.raw);
    for (const auto& b : model.declared().buffers) buffers.push_back(set.buffer(b.name).to(dtype));
  }

  // Outputs of a pass with the raw weights: no norm is applied.
  NamedTensors operator()(const at::Tensor& input, bool training = true) const {
    return (*this)({{model.inputs().front(), input}}, training);
  }
  NamedTensors operator()(const NamedTensors& inputs, bool training = true) const {
    return model.forward(parameters, buffers, inputs, training);
  }

  worker::Model model;
  train::ParameterSet set;
  std::vector<at::Tensor> parameters, buffers;

 private:
  static at::Generator generator(uint64_t seed) {
    auto g = at::detail::getDefaultCPUGenerator().clone();
    g.set_current_seed(seed);
    return g;
  }
};

// A loss on tensors that the test gives. Names as `saddle probe loss` has them: "discriminator.real.logit",
// "real.image". `model` answers for every model that the loss runs.
class TestLoss : public worker::StepSource {
 public:
  explicit TestLoss(const std::string& name, const json& config = json::object(),
                    const json& facts = json::object())
      : loss(component("loss", name), with_defaults(component("loss", name), config), facts) {
    for (const auto& b : loss.declared().buffers) buffers.push_back(at::full(b.shape, b.value, at::kDouble));
  }

  NamedTensors terms(const std::string& role, int64_t round = 0) {
    return loss.compute(*this, role, round, parameters, buffers);
  }
  at::Tensor total(const std::string& role, int64_t round = 0) {
    at::Tensor sum = at::zeros({}, at::kDouble);
    for (const auto& [name, term] : terms(role, round)) sum = sum + term;
    return sum;
  }

  at::Tensor input(const std::string& name) override {
    const auto at = tensors.find(name);
    return at == tensors.end() ? at::Tensor() : at->second;
  }
  at::Tensor output(const std::string& m, const std::string& sample, const std::string& name) override {
    return tensors.at(m + "." + sample + "." + name);
  }
  NamedTensors run(const std::string&, const NamedTensors& inputs) override { return model(inputs); }
  std::optional<worker::ModelParameter> model_parameter(const std::string&, std::size_t index) override {
    if (index >= weights.size()) return std::nullopt;
    return weights[index];
  }

  worker::Loss loss;
  std::map<std::string, at::Tensor> tensors;
  std::vector<at::Tensor> parameters, buffers;  // the first are the test's to give
  std::vector<worker::ModelParameter> weights;  // of every model
  std::function<NamedTensors(const NamedTensors&)> model;
};

inline std::vector<at::Tensor> gradients(const at::Tensor& scalar, const std::vector<at::Tensor>& inputs) {
  auto found = torch::autograd::grad({scalar}, inputs, {}, true, false, true);
  for (size_t i = 0; i < found.size(); ++i)
    if (!found[i].defined()) found[i] = at::zeros_like(inputs[i]);
  return found;
}

inline double distance(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes()) return INFINITY;
  return a.numel() ? (a - b).abs().max().item<double>() : 0;
}

// The same by the size of b, where that is above 1.
inline double relative_distance(const at::Tensor& a, const at::Tensor& b) {
  return distance(a, b) / (b.numel() ? std::max(1.0, b.abs().max().item<double>()) : 1.0);
}

// The largest difference between `gradient` and the central differences of f at `x` (float64), by the size of
// the gradient. `x` is moved in place and put back; f must not depend on anything else that changes.
inline double finite_difference_error(const std::function<double()>& f, const at::Tensor& x,
                                      const at::Tensor& gradient, double h = 1e-6) {
  at::NoGradGuard no_grad;
  const at::Tensor flat = x.detach().view({-1}), expected = at::empty_like(flat);
  for (int64_t i = 0; i < flat.numel(); ++i) {
    const double at = flat[i].item<double>();
    flat[i] = at + h;
    const double above = f();
    flat[i] = at - h;
    const double below = f();
    flat[i] = at;
    expected[i] = (above - below) / (2 * h);
  }
  return distance(gradient.reshape({-1}), expected) / std::max(1.0, gradient.abs().max().item<double>());
}

// What f throws; "" when it does not.
inline std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const std::exception& e) {
    return e.what();
  }
  return "";
}

}  // namespace saddle::test
