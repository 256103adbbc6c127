#include <bridge/instances.hpp>

#include <algorithm>

#include <bridge/builder.hpp>
#include <bridge/handle.hpp>
#include <bridge/host.hpp>
#include <bridge/operators.hpp>
#include <common/error.hpp>

namespace saddle::worker {
namespace {

// The first function of every interface after its size is create, then destroy.
const saddle_model& shared_part(const Component& c) { return *c.c->as.model; }

saddle_tensor* const* handles(std::span<const at::Tensor> tensors) {
  return reinterpret_cast<saddle_tensor* const*>(tensors.data());
}

std::string shape_text(const at::Tensor& t) {
  std::string text = "[";
  for (const int64_t s : t.sizes()) text += (text.size() > 1 ? ", " : "") + std::to_string(s);
  return text + "]";
}

std::string list_text(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& n : names) text += (text.empty() ? "" : ", ") + n;
  return text.empty() ? "none" : text;
}

}  // namespace

at::Tensor find(const NamedTensors& list, std::string_view name) {
  for (const auto& [n, tensor] : list)
    if (n == name) return tensor;
  return {};
}

Instance::Instance(const Component& component, const std::string& role, const nlohmann::json& config,
                   const nlohmann::json& facts, const std::string& record)
    : component_(component),
      caller_(std::make_shared<Caller>(
          Caller{component.kind + " '" + component.name + "'", record.empty() ? component.name : record})),
      who_(caller_->who) {
  const Calling calling(caller_);
  const bool owns_tensors = component.kind == "model" || component.kind == "loss";
  const HostBuilder builder(role, config, facts, owns_tensors ? &declared_ : nullptr);
  check(shared_part(component_).create(builder.c(), &instance_));
}

Instance::~Instance() {
  const Calling calling(caller_);
  if (instance_) shared_part(component_).destroy(instance_);
}

void Instance::check(saddle_status status) const { check_component(status, who_); }

Model::Model(const Component& component, const std::string& role, const nlohmann::json& config,
             const nlohmann::json& facts, const std::string& record)
    : Instance(component, role, config, facts, record) {
  const auto& roles = component.description.at("roles");
  if (!roles.contains(role)) throw Error(who_ + " plays no role '" + role + "'");
  inputs_ = roles[role].value("inputs", std::vector<std::string>());
  outputs_ = roles[role].value("outputs", std::vector<std::string>());
}

namespace {
struct CallContext {
  const NamedTensors* inputs;
  NamedTensors outputs;
  const std::vector<std::string>* allowed;  // null: any name
};
saddle_tensor* call_input(const saddle_call* c, const char* name) {
  return lend(find(*static_cast<CallContext*>(c->context)->inputs, name));
}
saddle_status call_output(const saddle_call* c, const char* name, saddle_tensor* tensor) {
  return guarded([&] {
    auto& context = *static_cast<CallContext*>(c->context);
    if (!tensor) throw Error(std::string("output '") + name + "' is no tensor");
    if (context.allowed &&
        std::find(context.allowed->begin(), context.allowed->end(), name) == context.allowed->end())
      throw Error(std::string("output '") + name + "' is not one of its role (" +
                  list_text(*context.allowed) + ")");
    context.outputs.emplace_back(name, share(tensor));
  });
}
}  // namespace

NamedTensors Model::forward(std::span<const at::Tensor> parameters, std::span<const at::Tensor> buffers,
                            const NamedTensors& inputs, bool training) const {
  const Calling calling(caller_);
  CallContext context{&inputs, {}, &outputs_};
  const saddle_call call{sizeof call,
                         training,
                         &context,
                         handles(parameters),
                         handles(buffers),
                         call_input,
                         call_output,
                         static_cast<uint32_t>(parameters.size()),
                         static_cast<uint32_t>(buffers.size())};
  check(component_.c->as.model->forward(instance_, &call));
  return std::move(context.outputs);
}

at::Tensor Transform::apply(const at::Tensor& image) const {
  const NamedTensors inputs = {{"image", image}};
  const Calling calling(caller_);
  CallContext context{&inputs, {}, nullptr};
  const saddle_call call{sizeof call, 1, &context, nullptr, nullptr, call_input, call_output, 0, 0};
  check(component_.c->as.model->forward(instance_, &call));
  at::Tensor result = find(context.outputs, "image");
  if (!result.defined()) throw Error(who_ + ": gave no output 'image'");
  if (result.sizes() != image.sizes())
    throw Error(who_ + ": turned " + shape_text(image) + " into " + shape_text(result));
  return result;
}

namespace {
struct StepContext {
  StepSource* source;
  NamedTensors terms;
  std::vector<at::Tensor> lent;  // keeps borrowed tensors alive until compute() returns
};
StepContext& context_of(const saddle_step* s) { return *static_cast<StepContext*>(s->context); }
saddle_tensor* keep(StepContext& c, at::Tensor tensor) {
  if (!tensor.defined()) return nullptr;
  c.lent.push_back(std::move(tensor));
  return lend(c.lent.back());
}
}  // namespace

NamedTensors Loss::compute(StepSource& source, const std::string& role, int64_t round,
                           std::span<const at::Tensor> parameters,
                           std::span<const at::Tensor> buffers) const {
  const Calling calling(std::make_shared<Caller>(Caller{who_, role + "/" + caller_->record}));
  StepContext context{&source, {}, {}};
  saddle_step step{};
  step.struct_size = sizeof step;
  step.training = 1;
  step.context = &context;
  step.role = role.c_str();
  step.round = round;
  step.parameters = handles(parameters);
  step.buffers = handles(buffers);
  step.input = [](const saddle_step* s, const char* name, saddle_tensor** tensor) {
    return guarded([&] { *tensor = keep(context_of(s), context_of(s).source->input(name)); });
  };
  step.output = [](const saddle_step* s, const char* model, const char* sample, const char* name,
                   saddle_tensor** tensor) {
    return guarded([&] { *tensor = keep(context_of(s), context_of(s).source->output(model, sample, name)); });
  };
  step.run = [](const saddle_step* s, const char* model, const saddle_named_tensor* inputs,
                uint32_t input_count, const char* const* names, uint32_t name_count,
                saddle_tensor** results) {
    return guarded([&] {
      NamedTensors given;
      for (uint32_t i = 0; i < input_count; ++i) given.emplace_back(inputs[i].name, share(inputs[i].tensor));
      const NamedTensors outputs = context_of(s).source->run(model, given);
      std::vector<at::Tensor> found;
      for (uint32_t i = 0; i < name_count; ++i) {
        found.push_back(find(outputs, names[i]));
        if (!found.back().defined())
          throw Error(std::string("model '") + model + "' gives no '" + names[i] + "'");
      }
      for (uint32_t i = 0; i < name_count; ++i) results[i] = give(std::move(found[i]));
    });
  };
  step.term = [](const saddle_step* s, const char* name, saddle_tensor* value) {
    return guarded([&] {
      if (!name || !*name || !value) throw Error("a term without a name or a value");
      at::Tensor t = share(value);
      if (t.numel() != 1) throw Error(std::string("term '") + name + "' is not a scalar: " + shape_text(t));
      context_of(s).terms.emplace_back(name, t.dim() ? t.reshape({}) : std::move(t));
    });
  };
  check(component_.c->as.loss->compute(instance_, &step));
  return std::move(context.terms);
}

bool Loss::speaks_to(const std::string& role) const {
  return component_.description.at("roles").contains(role);
}

std::vector<std::string> Loss::needs(const std::string& role) const {
  return component_.description.at("roles").at(role).value("needs", std::vector<std::string>());
}

Dataset::Dataset(const Component& component, const nlohmann::json& config, const nlohmann::json& facts)
    : Instance(component, "", config, facts) {
  const Calling calling(caller_);
  saddle_dataset_info info{};
  info.struct_size = sizeof info;
  check(component_.c->as.dataset->info(instance_, &info));
  if (info.dim < 1 || info.dim > 4)
    throw Error(who_ + ": a sample of " + std::to_string(info.dim) + " dimensions");
  info_.dtype = static_cast<at::ScalarType>(to_scalar_type(info.dtype));
  if (info_.dtype != at::kByte && info_.dtype != at::kFloat)
    throw Error(who_ + ": samples must be uint8 (pictures) or float32 (points)");
  info_.shape.assign(info.shape, info.shape + info.dim);
  for (const int64_t s : info_.shape)
    if (s < 1) throw Error(who_ + ": a sample has a dimension of size " + std::to_string(s));
  info_.classes = info.classes;
  for (uint32_t i = 0; i < info.split_count; ++i)
    info_.splits.emplace_back(info.splits[i].name, info.splits[i].size);
  if (info_.splits.empty()) throw Error(who_ + ": has no split");
  info_.version = info.version ? info.version : "";
  info_.concurrent = info.concurrent != 0;
  try {
    info_.facts = nlohmann::json::parse(info.facts && *info.facts ? info.facts : "{}");
  } catch (const nlohmann::json::exception& e) {
    throw Error(who_ + ": its facts are not JSON: " + e.what());
  }
}

uint32_t Dataset::split(const std::string& name) const {
  std::vector<std::string> known;
  for (uint32_t i = 0; i < info_.splits.size(); ++i) {
    if (info_.splits[i].first == name) return i;
    known.push_back(info_.splits[i].first);
  }
  throw Error(who_ + " has no split '" + name + "'; it has " + list_text(known));
}

std::pair<at::Tensor, at::Tensor> Dataset::read(uint32_t split, std::span<const int64_t> indices) const {
  std::vector<int64_t> shape = {static_cast<int64_t>(indices.size())};
  shape.insert(shape.end(), info_.shape.begin(), info_.shape.end());
  at::Tensor samples = at::empty(shape, info_.dtype);
  at::Tensor labels = info_.classes ? at::empty({shape[0]}, at::kLong) : at::Tensor();
  const Calling calling(caller_);
  check(component_.c->as.dataset->fill(instance_, split, indices.data(), shape[0], samples.data_ptr(),
                                       labels.defined() ? labels.data_ptr<int64_t>() : nullptr));
  return {samples, labels};
}

void Metric::reference(const at::Tensor& features, const at::Tensor& labels) const {
  const Calling calling(caller_);
  const saddle_samples samples{sizeof samples, lend(features), lend(labels)};
  check(component_.c->as.metric->reference(instance_, &samples));
}

std::vector<std::pair<std::string, double>> Metric::measure(const at::Tensor& features,
                                                            const at::Tensor& labels) const {
  std::vector<std::pair<std::string, double>> numbers;
  const Calling calling(caller_);
  const saddle_samples samples{sizeof samples, lend(features), lend(labels)};
  const saddle_report report{
      sizeof report, &numbers, [](const saddle_report* r, const char* name, double value) {
        return guarded([&] {
          if (!name || !*name) throw Error("a number without a name");
          static_cast<std::vector<std::pair<std::string, double>>*>(r->context)->emplace_back(name, value);
        });
      }};
  check(component_.c->as.metric->measure(instance_, &samples, &report));
  return numbers;
}

}  // namespace saddle::worker
