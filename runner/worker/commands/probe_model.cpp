#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <iostream>

#include <bridge/random.hpp>
#include <commands/network.hpp>
#include <commands/probe.hpp>
#include <common/error.hpp>
#include <train/random.hpp>
#include <train/safetensors.hpp>

namespace saddle::worker {
namespace {

nlohmann::json list_parameters(const train::ParameterSet& set) {
  nlohmann::json list = nlohmann::json::array();
  for (const train::Parameter& p : set.parameters())
    list.push_back({{"name", p.spec.name},
                    {"shape", p.spec.shape},
                    {"init", train::to_string(p.spec.init)},
                    {"norm", train::to_string(p.spec.norm)},
                    {"layout", train::to_string(p.spec.layout)}});
  return list;
}

nlohmann::json describe(const Network& network, const train::ParameterSet& set) {
  const Model& model = network.model();
  nlohmann::json buffers = nlohmann::json::array();
  for (const train::BufferSpec& b : model.declared().buffers)
    buffers.push_back({{"name", b.name}, {"shape", b.shape}, {"value", b.value}});
  return {{"kind", "model"},
          {"name", model.component().name},
          {"version", model.component().description.at("version")},
          {"role", network.role()},
          {"inputs", model.inputs()},
          {"outputs", model.outputs()},
          {"parameters", list_parameters(set)},
          {"buffers", std::move(buffers)},
          {"parameter_count", set.count()}};
}

NamedTensors inputs_of(const Network& network, const TensorFile& file, const nlohmann::json& facts) {
  const std::vector<std::string>& known = network.model().inputs();
  NamedTensors inputs;
  for (const auto& [name, tensor] : file.tensors) {
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw Error(file.path.string() + ": tensor \"" + name + "\" is no input of " +
                  network.model().component().name + " as " + network.role() + ", which takes " +
                  list_text(known));
    check_input(file, name, name, tensor, facts);
    const bool number = at::isFloatingType(tensor.scalar_type());
    inputs.emplace_back(
        name, number ? tensor.to(file.any_double() ? at::kDouble : at::kFloat) : tensor.to(at::kLong));
  }
  if (inputs.empty())
    throw Error(file.path.string() + ": is empty; the role's inputs are " + list_text(known));
  const at::Tensor& first = inputs.front().second;
  for (const auto& [name, tensor] : inputs)
    if (tensor.size(0) != first.size(0))
      throw Error(file.path.string() + ": \"" + inputs.front().first + "\" has " +
                  std::to_string(first.size(0)) + " samples, \"" + name + "\" has " +
                  std::to_string(tensor.size(0)));
  return inputs;
}

nlohmann::json summary(const at::Tensor& tensor) {
  nlohmann::json s = {{"shape", tensor.sizes().vec()}, {"dtype", c10::toString(tensor.scalar_type())}};
  if (tensor.numel() == 0 || !at::isFloatingType(tensor.scalar_type())) return s;
  s["mean"] = tensor.mean().item<double>();
  s["min"] = tensor.min().item<double>();
  s["max"] = tensor.max().item<double>();
  return s;
}

std::string fixed(std::string text, std::size_t width) {
  text.resize(std::max(width, text.size()), ' ');
  return text;
}

void print(const nlohmann::json& answer) {
  std::cout << answer["name"].get<std::string>() << " as " << answer["role"].get<std::string>() << ": "
            << list_text(answer["inputs"]) << " -> " << list_text(answer["outputs"]) << "\n\n";
  std::size_t longest = 9;
  for (const auto& p : answer["parameters"])
    longest = std::max(longest, p["name"].get_ref<const std::string&>().size());
  for (const auto& b : answer["buffers"])
    longest = std::max(longest, b["name"].get_ref<const std::string&>().size());
  std::cout << fixed("parameter", longest) << "  " << fixed("shape", 18) << "  " << fixed("init", 24)
            << "  norm\n";
  for (const auto& p : answer["parameters"])
    std::cout << fixed(p["name"], longest) << "  " << fixed(p["shape"].dump(), 18) << "  "
              << fixed(p["init"], 24) << "  " << p["norm"].get<std::string>() << '\n';
  for (const auto& b : answer["buffers"])
    std::cout << fixed(b["name"], longest) << "  " << fixed(b["shape"].dump(), 18) << "  buffer, "
              << b["value"].dump() << '\n';
  std::cout << "\nparameter_count " << answer["parameter_count"] << '\n';
  if (!answer.contains("forward")) return;
  for (const auto& [name, output] : answer["forward"].items())
    std::cout << name << "  " << output.dump() << '\n';
}

}  // namespace

void probe_model(const Request& request) {
  const std::string inputs = text(request, "inputs");
  const TensorFile file = inputs.empty() ? TensorFile() : TensorFile::read(inputs);
  const nlohmann::json facts = facts_of(request, file.tensors);
  const auto seed = request.at("seed").get<uint64_t>();
  Network network(request.at("component"), facts, seed, file.any_double() ? at::kDouble : at::kFloat);
  if (const std::string weights = text(request, "weights"); !weights.empty()) network.load(weights);
  nlohmann::json answer = describe(network, network.set());
  if (!inputs.empty()) {
    const at::NoGradGuard no_grad;
    const bool training = request.at("training").get<bool>();
    seed_components(seed);
    network.begin(training ? train::Use::own : train::Use::measure);
    std::map<std::string, at::Tensor> outputs;
    for (const auto& [name, tensor] : network.forward(inputs_of(network, file, facts), training)) {
      answer["forward"][name] = summary(tensor);
      outputs[name] = tensor;
    }
    if (const std::string out = text(request, "out"); !out.empty()) train::write_safetensors(out, outputs);
  }
  // After the pass: a training one moves the buffers.
  if (const std::string save = text(request, "save_weights"); !save.empty())
    train::write_safetensors(save, network.set().tensors());
  if (request.at("json").get<bool>())
    std::cout << answer.dump(1) << '\n';
  else
    print(answer);
}

}  // namespace saddle::worker
