#include <commands/network.hpp>

#include <algorithm>

#include <common/error.hpp>
#include <train/checkpoint.hpp>
#include <train/random.hpp>

namespace saddle::worker {
namespace {

Model make(const Request& component, const std::string& role, const nlohmann::json& facts, uint64_t seed) {
  const train::DefaultStream drawing(train::make_generator(seed, "init/" + role));
  return Model(open_component(component), role, component.at("parameters"), facts);
}

train::ParameterSet draw(const Declared& declared, const Request& host, uint64_t seed,
                         const std::string& role, at::ScalarType dtype) {
  if (host.value("init", "default") == "data")
    throw Error(
        "init \"data\" starts from a trial's first batch, and there is no trial here: choose another");
  train::ParameterOptions options;
  options.init = train::init_from_name(host.value("init", "default"));
  options.norm = train::norm_from_name(host.value("norm", "default"));
  const auto make = [&](const std::vector<train::BufferSpec>& buffers) {
    return train::ParameterSet(declared.parameters, buffers, train::make_generator(seed, "init/" + role),
                               options);
  };
  train::ParameterSet drawn = make(declared.buffers);
  if (dtype == at::kFloat) return drawn;
  std::vector<train::BufferSpec> buffers = declared.buffers;
  for (train::BufferSpec& buffer : buffers)
    if (at::isFloatingType(buffer.dtype)) buffer.dtype = dtype;
  options.dtype = dtype;
  std::map<std::string, at::Tensor> values;  // both sets share a component's own tensors
  for (const auto& [name, tensor] : drawn.tensors()) values[name] = tensor.detach().clone();
  train::ParameterSet cast = make(buffers);
  cast.load(values);
  return cast;
}

}  // namespace

Network::Network(const Request& component, const nlohmann::json& facts, uint64_t seed, at::ScalarType dtype)
    : role_(component.at("host").at("role").get<std::string>()),
      model_(make(component, role_, facts, seed)),
      set_(draw(model_.declared(), component.at("host"), seed, role_, dtype)),
      weights_(set_, {}) {}

void Network::load(const std::filesystem::path& file) {
  const TensorFile weights = TensorFile::read(file);
  const auto of_checkpoint = train::with_prefix(weights.tensors, role_ + "/raw/");
  try {
    set_.load(of_checkpoint.empty() ? weights.tensors : of_checkpoint, train::ParameterSet::Load::weights);
  } catch (const Error& e) {
    throw Error(file.string() + ": weights of " + model_.component().name + " as " + role_ + ": " + e.what());
  }
}

NamedTensors Network::forward(const NamedTensors& inputs, bool training) {
  std::vector<at::Tensor> parameters, buffers;
  for (std::size_t i = 0; i < set_.parameters().size(); ++i)
    parameters.push_back(weights_.weight(i, update_));
  for (const train::BufferSpec& buffer : model_.declared().buffers)
    buffers.push_back(set_.buffer(buffer.name));
  return model_.forward(parameters, buffers, inputs, training);
}

std::optional<ModelParameter> Network::parameter(std::size_t index, bool trained) {
  if (index >= set_.parameters().size()) return std::nullopt;
  return ModelParameter{&set_.parameters()[index].spec, trained, weights_.weight(index, update_),
                        weights_.raw(index, update_)};
}

nlohmann::json facts_of(const Request& request, const std::map<std::string, at::Tensor>& tensors) {
  const auto first_of = [&](std::initializer_list<const char*> names, int64_t dims) -> at::Tensor {
    for (const char* name : names)
      if (const auto found = tensors.find(name); found != tensors.end() && found->second.dim() >= dims)
        return found->second;
    return {};
  };
  const auto given = [&](const char* key) { return request.contains(key) && !request[key].is_null(); };
  nlohmann::json facts = {{"sample_shape", {3, 32, 32}}, {"latent_size", 128}, {"classes", 0}};
  if (const at::Tensor image = first_of({"image", "real.image", "fake.image"}, 2); image.defined())
    facts["sample_shape"] = image.sizes().slice(1).vec();
  if (const at::Tensor z = first_of({"z", "latent.z"}, 2); z.defined()) facts["latent_size"] = z.size(1);
  for (const char* key : {"sample_shape", "latent_size", "classes"})
    if (given(key)) facts[key] = request[key];
  return facts;
}

void check_input(const TensorFile& file, const std::string& tensor_name, const std::string& input,
                 const at::Tensor& tensor, const nlohmann::json& facts) {
  const auto fail = [&](const std::string& found, const std::string& expected) {
    throw Error(file.path.string() + ": tensor \"" + tensor_name + "\" " + found + "; expected " + expected);
  };
  const std::string is_shape = "has shape " + shape_text(tensor.sizes());
  const std::string is_type = std::string("is ") + c10::toString(tensor.scalar_type());
  if (input == "label") {
    if (at::isFloatingType(tensor.scalar_type()) || tensor.scalar_type() == at::kBool)
      fail(is_type, "class numbers, int64");
    if (tensor.dim() != 1) fail(is_shape, "one number for each sample");
    const auto classes = facts.at("classes").get<int64_t>();
    if (classes > 0 && tensor.numel() > 0 &&
        (tensor.min().item<int64_t>() < 0 || tensor.max().item<int64_t>() >= classes))
      fail("has classes outside 0 to " + std::to_string(classes - 1), "what --classes says");
    return;
  }
  if (!at::isFloatingType(tensor.scalar_type()))
    fail(is_type,
         input == "image" ? "float32 or float64, pictures in [-1, 1] (bytes: x / 127.5 - 1)" : "floats");
  if (input == "z" && (tensor.dim() != 2 || tensor.size(1) != facts.at("latent_size")))
    fail(is_shape, "[n, " + facts.at("latent_size").dump() + "] (--latent)");
  if (input != "image") return;
  const auto shape = facts.at("sample_shape").get<std::vector<int64_t>>();
  if (tensor.dim() != static_cast<int64_t>(shape.size()) + 1 ||
      tensor.sizes().slice(1) != at::IntArrayRef(shape))
    fail(is_shape, "n samples of " + shape_text(shape) + " (--image CxHxW, --points N)");
}

}  // namespace saddle::worker
