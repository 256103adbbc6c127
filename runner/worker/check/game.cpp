#include <check/game.hpp>

#include <ATen/core/grad_mode.h>

#include <cmath>

#include <common/error.hpp>

namespace saddle::worker {
namespace {
constexpr int64_t kWidth = kFeatures;
}

FabricatedGame::FabricatedGame(const std::string& role, const Case& trial, at::ScalarType type,
                               const std::set<std::string>& marked,
                               const std::map<std::string, std::set<std::string>>& outputs, bool maps)
    : role_(role), trial_(trial), type_(type), maps_(maps), marked_(marked), listed_(outputs) {}

void FabricatedGame::begin() {
  inputs_.clear();
  outputs_.clear();
  lent_.clear();
}

at::Tensor FabricatedGame::weight(const std::string& model, const std::string& name,
                                  std::vector<int64_t> shape) {
  const std::string full = model + "/" + name;
  at::Tensor& w = weights_[full];
  if (!w.defined()) {
    w = normal(shape, full).mul_(1.5 / std::sqrt(static_cast<double>(shape.front()))).to(type_);
    if (model == role_) w.requires_grad_(true);
  }
  if (model == role_) trained_[full] = w;
  return w;
}

// tanh(x W + labels E) V: smooth, so that differences of it can be taken twice.
at::Tensor FabricatedGame::compute(const std::string& model, const std::string& name,
                                   const NamedTensors& inputs) {
  at::Tensor hidden;
  for (const auto& [input, tensor] : inputs) {
    at::Tensor part;
    if (at::isFloatingType(tensor.scalar_type())) {
      const at::Tensor flat = tensor.to(type_).flatten(1);
      part = flat.matmul(weight(model, "in." + input, {flat.size(1), kWidth}));
    } else {
      part = weight(model, "in." + input, {trial_.facts.at("classes").get<int64_t>(), kWidth})
                 .index_select(0, tensor);
    }
    hidden = hidden.defined() ? hidden + part : part;
  }
  if (!hidden.defined()) throw Error("model '" + model + "' was given no inputs");
  hidden = hidden.tanh();
  if (name == "features") return hidden;
  std::vector<int64_t> shape = {name == "logit" ? 1 : 4};
  if (name == "image" || (maps_ && name != "logit")) shape = sample_shape(trial_);
  if (name != "image" && shape.size() == 3) shape[0] = 1;
  int64_t numbers = 1;
  for (const int64_t s : shape) numbers *= s;
  shape.insert(shape.begin(), hidden.size(0));
  return hidden.matmul(weight(model, "out." + name, {kWidth, numbers})).reshape(shape);
}

at::Tensor FabricatedGame::find_input(const std::string& name) {
  if (const auto found = inputs_.find(name); found != inputs_.end()) return found->second;
  const size_t dot = name.find('.');
  const std::string sample = name.substr(0, dot),
                    input = dot == std::string::npos ? "" : name.substr(dot + 1);
  at::Tensor t;
  if (input == "label" &&
      (sample == "real" || sample == "labelled" || sample == "fake" || sample == "latent")) {
    t = make_input("label", trial_, kBatch, type_, {});
    if (t.defined() && sample != "real") t = t.flip(0);
  } else if (name == "labelled.image") {
    t = make_input("image", trial_, kBatch, type_, {}).flip(0);
  } else if (input == "augmented") {
    t = find_input(sample + ".image");
  } else if (name == "real.image") {
    t = make_input("image", trial_, kBatch, type_, {});
  } else if (name == "latent.z") {
    t = make_input("z", trial_, kBatch, type_, {});
  } else if (name == "fake.image") {
    // No graph through the generator in another player's update, as in a trial.
    const at::AutoGradMode recording(role_ == "generator");
    t = compute("generator", "image", inputs_of("generator", "latent"));
  }
  if (t.defined() && marked_.contains(name) && !t.requires_grad()) t.requires_grad_(true);
  return inputs_[name] = t;
}

NamedTensors FabricatedGame::inputs_of(const std::string& model, const std::string& sample) {
  const std::string main = sample + (model == "generator" || sample == "latent" ? ".z" : ".image");
  const at::Tensor tensor = find_input(main), label = find_input(sample + ".label");
  if (!tensor.defined())
    throw Error("there is no sample '" + sample + "' for model '" + model +
                "'; there are real, labelled, fake and latent");
  NamedTensors inputs = {{main.substr(main.find('.') + 1), tensor}};
  if (label.defined()) inputs.emplace_back("label", label);
  return inputs;
}

at::Tensor FabricatedGame::input(const std::string& name) {
  inputs_used.insert(name);
  return lend(name, find_input(name));
}

at::Tensor FabricatedGame::output(const std::string& model, const std::string& sample,
                                  const std::string& name) {
  outputs_used.insert(model + "." + name);
  at::Tensor& t = outputs_[model + "." + sample + "." + name];
  if (!t.defined()) {
    const at::AutoGradMode recording(true);  // whatever the loss's own mode is when it first asks
    const bool fakes = model == "generator" && name == "image" && sample == "latent";
    t = fakes ? find_input("fake.image") : compute(model, name, inputs_of(model, sample));
  }
  return lend(model + "." + sample + "." + name, t);
}

NamedTensors FabricatedGame::run(const std::string& model, const NamedTensors& inputs) {
  outputs_used.insert(model + ".*");
  NamedTensors outputs;
  std::set<std::string> names = listed_.contains(model) ? listed_.at(model) : std::set<std::string>();
  names.insert({"logit", "features", "image"});
  for (const std::string& name : names) outputs.emplace_back(name, compute(model, name, inputs));
  return outputs;
}

std::optional<ModelParameter> FabricatedGame::model_parameter(const std::string& model, std::size_t index) {
  // The weights that every such model has, whether or not it was run.
  const bool generates = model == "generator";
  (void)compute(model, generates ? "image" : "logit", inputs_of(model, generates ? "latent" : "real"));
  std::vector<std::string> names;
  for (const auto& [name, w] : weights_)
    if (name.starts_with(model + "/")) names.push_back(name);
  if (index >= names.size()) return std::nullopt;
  train::ParameterSpec& spec = specs_[names[index]];
  const at::Tensor w = weights_[names[index]];
  spec = {.name = names[index].substr(model.size() + 1),
          .shape = w.sizes().vec(),
          .layout = train::Layout::linear};
  return ModelParameter{&spec, model == role_, w, w};
}

const at::Tensor& FabricatedGame::lend(const std::string& name, const at::Tensor& tensor) {
  if (tensor.defined() && !lent_.contains(name)) lent_[name] = {tensor, tensor.detach().clone()};
  return tensor;
}

std::string FabricatedGame::changed() const {
  for (const auto& [name, both] : lent_)
    if (!at::equal(both.first.detach(), both.second)) return name;
  return "";
}

}  // namespace saddle::worker
