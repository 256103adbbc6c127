#include <commands/loss_step.hpp>

#include <torch/csrc/autograd/autograd.h>

#include <algorithm>

#include <common/error.hpp>
#include <train/gradients.hpp>

namespace saddle::worker {
namespace {

std::vector<std::string> parts_of(const std::string& name) {
  std::vector<std::string> parts(1);
  for (const char c : name) {
    if (c == '.')
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

bool is_label(const std::string& name) { return name.ends_with(".label"); }

}  // namespace

LossStep::LossStep(const TensorFile& file, const nlohmann::json& facts, const std::string& role,
                   at::ScalarType dtype)
    : file_(file), facts_(facts), role_(role) {
  for (const auto& [name, tensor] : file.tensors) {
    const std::vector<std::string> parts = parts_of(name);
    const bool empty = std::any_of(parts.begin(), parts.end(), [](const auto& p) { return p.empty(); });
    if (empty || parts.size() < 2 || parts.size() > 3)
      throw Error(file.path.string() + ": tensor \"" + name +
                  "\" is named neither SAMPLE.INPUT (real.image, real.label, fake.image, latent.z) nor "
                  "MODEL.SAMPLE.OUTPUT (discriminator.real.logit)");
    if (parts.size() == 2) check_input(file, name, parts[1], tensor, facts);
    tensors_[name] = at::isFloatingType(tensor.scalar_type()) ? tensor.to(dtype) : tensor.to(at::kLong);
  }
}

void LossStep::add(const std::string& model, std::unique_ptr<Network> network) {
  networks_[model] = std::move(network);
}

void LossStep::prepare(const Loss& loss, const std::vector<std::string>& gradient_names) {
  wanted_ = gradient_names;
  std::vector<std::string> marked, trained = {role_};
  for (const std::string& need : loss.needs(role_)) {
    if (!need.starts_with("gradient:")) continue;
    marked.push_back(need.substr(9));
    if (networks_.empty())
      throw Error("loss '" + loss.component().name + "' differentiates a network by " + marked.back() +
                  ": give one with --model discriminator=NAME[,key=value...]");
  }
  for (const std::string& name : gradient_names) {
    if (const auto slash = name.find('/'); slash != std::string::npos) {
      trained.push_back(name.substr(0, slash));
      network(trained.back(), "--grad " + name + " needs that network").set().index(name.substr(slash + 1));
    } else if (const auto found = tensors_.find(name); found != tensors_.end()) {
      if (!at::isFloatingType(found->second.scalar_type()))
        throw Error("--grad " + name + ": class numbers have no gradient");
      marked.push_back(name);
    }
  }
  for (const std::string& name : marked)
    if (const auto found = tensors_.find(name); found != tensors_.end()) found->second.requires_grad_(true);
  for (const auto& [name, network] : networks_) {
    const bool own = std::find(trained.begin(), trained.end(), name) != trained.end();
    network->begin(own ? train::Use::own : train::Use::other);
  }
}

Network& LossStep::network(const std::string& model, const std::string& why) {
  if (const auto found = networks_.find(model); found != networks_.end()) return *found->second;
  throw Error(why + ": --model " + model + "=NAME[,key=value...]");
}

at::Tensor LossStep::input(const std::string& name) {
  if (const auto found = tensors_.find(name); found != tensors_.end()) return found->second;
  if (name == "fake.image" && networks_.contains("generator") && tensors_.contains("latent.z"))
    return tensors_[name] = output("generator", "latent", "image");
  if (is_label(name)) return {};  // an unlabelled set
  // Nothing is augmented here, so what the discriminator sees are the pictures.
  if (const std::size_t dot = name.find('.'); dot != std::string::npos && name.substr(dot) == ".augmented")
    return input(name.substr(0, dot) + ".image");
  return file_.at(name);  // throws: says what is there
}

// Pictures and z are missed when they are not there; others may be left out of a call.
at::Tensor LossStep::input_if_there(const std::string& sample, const std::string& name) {
  const std::string full = sample + "." + name;
  const bool made = sample == "fake" && !tensors_.contains("fake.image") && networks_.contains("generator");
  if (made && name != "image" && !is_label(full)) {
    (void)input("fake.image");
    const auto found = computed_.find("generator.latent." + name);
    return found == computed_.end() ? at::Tensor() : found->second;
  }
  return name == "image" || name == "z" || tensors_.contains(full) ? input(full) : at::Tensor();
}

void LossStep::compute(const std::string& model, const std::string& sample, const std::string& wanted) {
  Network& player = network(model, file_.path.string() + ": there is no tensor \"" + wanted +
                                       "\". Add it, or the network that computes it");
  NamedTensors inputs;
  for (const std::string& name : player.model().inputs())
    if (const at::Tensor tensor = input_if_there(sample, name); tensor.defined())
      inputs.emplace_back(name, tensor);
  for (auto& [name, tensor] : run(model, inputs)) {
    const std::string full = model + "." + sample + "." + name;
    // Attached to nothing when neither weights nor inputs require grad.
    if (!tensor.requires_grad() && std::find(wanted_.begin(), wanted_.end(), full) != wanted_.end())
      tensor.requires_grad_(true);
    computed_[full] = tensor;
  }
}

at::Tensor LossStep::output(const std::string& model, const std::string& sample, const std::string& name) {
  const std::string full = model + "." + sample + "." + name;
  if (const auto found = tensors_.find(full); found != tensors_.end()) return found->second;
  if (!computed_.contains(full)) compute(model, sample, full);
  if (const auto found = computed_.find(full); found != computed_.end()) return found->second;
  throw Error("model " + network(model, full).model().component().name + " as " + model +
              " gives no output \"" + name + "\"");
}

NamedTensors LossStep::run(const std::string& model, const NamedTensors& inputs) {
  // As in training: batch statistics.
  return network(model, "it runs a network, which must be given").forward(inputs, /*training=*/true);
}

std::optional<ModelParameter> LossStep::model_parameter(const std::string& model, std::size_t index) {
  return network(model, "it looks at a network's weights, which must be given")
      .parameter(index, /*trained=*/model == role_);
}

at::Tensor LossStep::known(const std::string& name) const {
  if (const auto found = tensors_.find(name); found != tensors_.end()) return found->second;
  if (const auto found = computed_.find(name); found != computed_.end()) return found->second;
  std::string text = "--grad " + name + ": neither in the file nor computed on the way; " + file_.contents();
  for (const auto& [computed, tensor] : computed_) text += ", computed: " + computed;
  throw Error(text);
}

std::map<std::string, at::Tensor> LossStep::parameter_gradients(const at::Tensor& total,
                                                                const std::string& model) const {
  Network& player = *networks_.at(model);
  const std::vector<at::Tensor>& leaves = player.weights().leaves();
  std::vector<at::Tensor> gradients(leaves.size());
  if (total.requires_grad())
    gradients = torch::autograd::grad({total}, leaves, {}, /*retain_graph=*/true, /*create_graph=*/false,
                                      /*allow_unused=*/true);
  const std::vector<at::Tensor> raw =
      player.weights().pull_back(train::collect_gradients(leaves, std::move(gradients)));
  const std::vector<std::string> names = player.set().leaf_names();
  std::map<std::string, at::Tensor> by_name;
  for (std::size_t i = 0; i < names.size(); ++i) by_name[names[i]] = raw.at(i);
  return by_name;
}

}  // namespace saddle::worker
