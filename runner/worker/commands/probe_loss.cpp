#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <iostream>

#include <bridge/random.hpp>
#include <commands/loss_step.hpp>
#include <commands/probe.hpp>
#include <common/error.hpp>
#include <common/needs.hpp>
#include <image/png.hpp>
#include <image/sheet.hpp>
#include <train/random.hpp>
#include <train/safetensors.hpp>

namespace saddle::worker {
namespace {

// Gradients of the total, each under the name that asked for it: a tensor of
// the file, an output that a model computed on the way, or MODEL/PARAMETER.
std::map<std::string, at::Tensor> gradients(const at::Tensor& total, const std::vector<std::string>& names,
                                            const LossStep& step) {
  std::map<std::string, at::Tensor> result;
  std::map<std::string, std::map<std::string, at::Tensor>> of_models;  // one backward pass for each
  for (const std::string& name : names) {
    if (const auto slash = name.find('/'); slash != std::string::npos) {
      auto& of_model = of_models[name.substr(0, slash)];
      if (of_model.empty()) of_model = step.parameter_gradients(total, name.substr(0, slash));
      result[name] = of_model.at(name.substr(slash + 1));
      continue;
    }
    const at::Tensor tensor = step.known(name);
    at::Tensor gradient;
    if (total.requires_grad())
      gradient = torch::autograd::grad({total}, {tensor}, {}, /*retain_graph=*/true, /*create_graph=*/false,
                                       /*allow_unused=*/true)[0];
    result[name] = gradient.defined() ? gradient : at::zeros_like(tensor);
  }
  return result;
}

void check_request(const std::vector<std::string>& gradient_names, const std::string& out,
                   const std::string& arrows) {
  if (!gradient_names.empty() && out.empty() && arrows.empty())
    throw Error("--grad " + gradient_names.front() + ": say with --out FILE.safetensors where gradients go");
  if (!arrows.empty() && gradient_names.size() != 1)
    throw Error("--arrows " + arrows + ": draws one gradient; say of which tensor with --grad TENSOR");
  if (gradient_names.empty() && !out.empty())
    throw Error("--out " + out + ": receives gradients; say of which tensors with --grad TENSOR");
}

// Each point of a tensor with an arrow along the step that lowers the total, over the real ones if the tensor
// is the fakes' and the file has them.
void draw_arrows(const std::string& picture, const std::string& name, const at::Tensor& gradient,
                 const LossStep& step, const TensorFile& file) {
  at::Tensor real;
  if (const auto fake = name.find("fake."); fake != std::string::npos)
    if (const auto found = file.tensors.find(std::string(name).replace(fake, 5, "real."));
        found != file.tensors.end())
      real = found->second;
  write_png(picture, arrows(step.known(name), -gradient, real));
}

// Whether a loss needs an output of the model other than logits and pictures.
bool needs_features(const nlohmann::json& roles, const nlohmann::json& parameters, const std::string& model) {
  for (const auto& role : roles)
    for (const std::string& need : needs_of(role, parameters))
      if (need.starts_with(model + ".") && need != model + ".logit" && need != model + ".image") return true;
  return false;
}

// The sizes of one sample of each output of a model, as a trial tells them to losses that put a head of their
// own on one.
void tell_output_shapes(Network& network, const std::string& model, at::ScalarType dtype,
                        nlohmann::json& facts) {
  const at::NoGradGuard no_grad;
  const OwnRandomness own(0);
  std::vector<int64_t> image = facts.at("sample_shape");
  image.insert(image.begin(), 1);
  NamedTensors inputs;
  for (const std::string& input : network.model().inputs())
    if (input == "image")
      inputs.emplace_back(input, at::zeros(image, dtype));
    else if (input == "z")
      inputs.emplace_back(input, at::zeros({1, facts.at("latent_size").get<int64_t>()}, dtype));
    else if (input == "label" && facts.at("classes") > 0)
      inputs.emplace_back(input, at::zeros({1}, at::kLong));
  network.begin(train::Use::measure);
  for (const auto& [output, tensor] : network.forward(inputs, /*training=*/false))
    if (const std::string fact = "shape." + model + "." + output; !facts.contains(fact))
      facts[fact] = tensor.sizes().slice(1).vec();
}

// The loss's own parameters and buffers, in the dtype of the inputs.
struct OwnTensors {
  train::ParameterSet set;
  std::vector<at::Tensor> parameters, buffers;

  OwnTensors(const Declared& declared, uint64_t seed, at::ScalarType dtype)
      : set(declared.parameters, declared.buffers, train::make_generator(seed, "init/loss"), {}) {
    for (const train::Parameter& p : set.parameters()) parameters.push_back(p.raw.to(dtype));
    for (const train::BufferSpec& b : declared.buffers) buffers.push_back(set.buffer(b.name).to(dtype));
  }
};

}  // namespace

void probe_loss(const Request& request) {
  const auto names = request.at("grad").get<std::vector<std::string>>();
  const std::string out = text(request, "out"), role = request.at("role").get<std::string>(),
                    picture = text(request, "arrows");
  check_request(names, out, picture);
  const auto seed = request.at("seed").get<uint64_t>();
  seed_components(seed);
  const TensorFile file = TensorFile::read(request.at("inputs").get<std::string>());
  nlohmann::json facts = facts_of(request, file.tensors);
  // "discriminator.real.features": the sizes of one sample of a model's output.
  for (const auto& [name, tensor] : file.tensors)
    if (const auto first = name.find('.'), last = name.rfind('.'); first != last && tensor.dim() > 0)
      facts["shape." + name.substr(0, first) + name.substr(last)] = tensor.sizes().slice(1).vec();
  const at::ScalarType dtype = file.any_double() ? at::kDouble : at::kFloat;
  // Models first: a loss may be made for the number of their parameters, or the sizes of their outputs.
  const Request& component = request.at("component");
  const nlohmann::json& loss_roles = open_component(component).description.at("roles");
  std::map<std::string, std::unique_ptr<Network>> networks;
  for (const auto& [model, entry] : request.at("models").items()) {
    auto network = std::make_unique<Network>(entry.at("component"), facts, seed, dtype);
    if (const std::string weights = text(entry, "weights"); !weights.empty()) network->load(weights);
    facts["parameters." + model] = network->set().count();
    if (needs_features(loss_roles, component.at("parameters"), model))
      tell_output_shapes(*network, model, dtype, facts);
    networks[model] = std::move(network);
  }
  const Loss loss(open_component(component), component.at("parameters"), facts);
  const OwnTensors own(loss.declared(), seed, dtype);

  LossStep step(file, facts, role, dtype);
  for (auto& [model, network] : networks) step.add(model, std::move(network));
  step.prepare(loss, names);
  const NamedTensors terms =
      loss.compute(step, role, request.at("round").get<int64_t>(), own.parameters, own.buffers);

  const double weight = component.at("host").at("weight").get<double>();
  at::Tensor total = at::zeros({}, dtype);
  nlohmann::json answer = {{"terms", nlohmann::json::object()}};
  for (const auto& [name, value] : terms) {
    if (answer["terms"].contains(name)) throw Error("the loss gives the term \"" + name + "\" twice");
    answer["terms"][name] = value.item<double>();
    total = total + value * weight;
  }
  answer["total"] = total.item<double>();
  if (!names.empty()) {
    const auto found = gradients(total, names, step);
    if (!out.empty()) train::write_safetensors(out, found);
    if (!picture.empty()) draw_arrows(picture, names.front(), found.begin()->second, step, file);
  }
  if (request.at("json").get<bool>()) {
    std::cout << answer.dump(1) << '\n';
    return;
  }
  for (const auto& [name, value] : answer["terms"].items()) std::cout << name << "  " << value << '\n';
  std::cout << "total  " << answer["total"] << '\n';
}

}  // namespace saddle::worker
