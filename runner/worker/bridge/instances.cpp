#include <bridge/instances.hpp>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <optional>

#include <bridge/builder.hpp>
#include <bridge/fenced.hpp>
#include <bridge/handle.hpp>
#include <bridge/host.hpp>
#include <bridge/host_memory.hpp>
#include <bridge/operators.hpp>
#include <bridge/precision.hpp>
#include <bridge/results.hpp>
#include <bridge/watch.hpp>
#include <common/error.hpp>
#include <common/needs.hpp>

namespace saddle::worker {
namespace {

constexpr int64_t kManyHandles = 1000;
constexpr int64_t kLargestSample = int64_t{1} << 32;

// The first function of every interface after its size is create, then destroy.
const saddle_model& shared_part(const Component& c) { return *c.c->as.model; }

saddle_tensor* const* handles(std::span<const at::Tensor> tensors) {
  return reinterpret_cast<saddle_tensor* const*>(tensors.data());
}

// The first of these that holds floating point numbers: what outputs should be like; undefined without one.
at::Tensor kind_of(const NamedTensors& inputs, std::span<const at::Tensor> parameters) {
  for (const auto& [name, tensor] : inputs)
    if (tensor.defined() && at::isFloatingType(tensor.scalar_type())) return tensor;
  for (const at::Tensor& tensor : parameters)
    if (tensor.defined() && at::isFloatingType(tensor.scalar_type())) return tensor;
  return {};
}

std::string list_text(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& n : names) text += (text.empty() ? "" : ", ") + n;
  return text.empty() ? "none" : text;
}

// A trial that was planned before the component had a parameter lacks it: the default is what it did then.
nlohmann::json with_defaults(nlohmann::json config, const nlohmann::json& description) {
  if (!config.is_object()) config = nlohmann::json::object();
  for (const auto& [name, schema] : description.at("parameters").at("properties").items())
    if (schema.contains("default") && !config.contains(name)) config[name] = schema["default"];
  return config;
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
      config_(with_defaults(config, component.description)),
      holding_(std::make_shared<Holding>()),
      caller_(std::make_shared<Caller>(
          Caller{component.kind + " '" + component.name + "'", record.empty() ? component.name : record,
                 kept_text(component.kind + " '" + component.name + "' of " + component.file), holding_})),
      who_(caller_->who) {
  const bool owns_tensors =
      component.kind == "model" || component.kind == "loss" || component.kind == "transform";
  const HostBuilder builder(role, config_, facts, owns_tensors ? &declared_ : nullptr);
  try {
    call("create", [&] { return shared_part(component_).create(builder.c(), &instance_); });
  } catch (...) {
    tell_leaks();
    throw;
  }
}

Instance::~Instance() {
  if (instance_) {
    const Calling calling(caller_, "destroy");
    shared_part(component_).destroy(instance_);
  }
  tell_leaks();
}

void Instance::tell_leaks() const {
  const int64_t wrong = holding_->wrong.exchange(0), left = wrong ? -wrong : holding_->handles.load();
  if (left == 0) return;
  const std::string tensors = " handle" + std::string(std::abs(left) == 1 ? "" : "s") + " to tensors";
  if (left > 0)
    warn(who_ + " of " + component_.file + " leaked " + std::to_string(left) + tensors +
         ", which it should have released");
  else
    warn(who_ + " of " + component_.file + " released " + std::to_string(-left) + tensors +
         " more than it held");
}

template <class F>
void Instance::call(const std::shared_ptr<const Caller>& caller, const char* function, F&& body) const {
  const Calling calling(caller, function);
  const int stretches = full_precision_depth();
  saddle_status status = SADDLE_ERROR;
  const auto escaped = [&](const std::string& text) {
    return Error(who_ + ": an exception left its " + function + ", which no plugin may let happen: " + text);
  };
  try {
    status = body();
  } catch (const std::exception& e) {
    throw escaped(message_of(e));
  } catch (...) {
    throw escaped("of a type that the host does not know");
  }
  if (full_precision_depth() > stretches) {
    while (full_precision_depth() > stretches) leave_full_precision();
    throw Error(who_ + ": " + function + " returned without leaving the full precision that it entered");
  }
  check(status, function);
}

void Instance::check(saddle_status status, const char* function) const {
  settle_handles();
  check_component(status, who_);
  const int64_t held = holding_->handles, wrong = holding_->wrong.exchange(0) + std::max<int64_t>(0, -held);
  if (wrong > 0) {
    const std::string text = who_ + ": " + function + " released " +
                             (wrong == 1 ? "a tensor" : std::to_string(wrong) + " tensors") +
                             " that it did not hold: twice, or one that was only lent to it";
    // Unless releases are checked, a tensor of somebody's is now short of a reference: what follows may be a
    // crash.
    if (held < 0) std::fprintf(stderr, "%s\n", text.c_str());
    throw Error(text);
  }
  if (held > kManyHandles && !told_.exchange(true))
    warn(who_ + " of " + component_.file + " holds " + std::to_string(held) +
         " handles to tensors: it seems to leak them, and with them memory");
}

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
  const Model::Set* set = nullptr;
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
saddle_status call_set(const saddle_call* c, uint32_t parameter, saddle_tensor* weight) {
  return guarded([&] {
    if (parameter >= c->parameter_count || !weight)
      throw Error("a weight is set that is no tensor, or of parameter " + std::to_string(parameter) +
                  " where there are " + std::to_string(c->parameter_count));
    (*static_cast<CallContext*>(c->context)->set)(parameter, share(weight));
  });
}
}  // namespace

NamedTensors Model::forward(std::span<const at::Tensor> parameters, std::span<const at::Tensor> buffers,
                            const NamedTensors& inputs, bool training) const {
  return run(parameters, buffers, inputs, training, nullptr);
}

void Model::first_pass(std::span<const at::Tensor> parameters, std::span<const at::Tensor> buffers,
                       const NamedTensors& inputs, const Set& set) const {
  run(parameters, buffers, inputs, /*training=*/false, &set);
}

NamedTensors Model::run(std::span<const at::Tensor> parameters, std::span<const at::Tensor> buffers,
                        const NamedTensors& inputs, bool training, const Set* set) const {
  CallContext context{&inputs, {}, &outputs_, set};
  const saddle_call call{sizeof call,
                         training,
                         &context,
                         handles(parameters),
                         handles(buffers),
                         call_input,
                         call_output,
                         static_cast<uint32_t>(parameters.size()),
                         static_cast<uint32_t>(buffers.size()),
                         set ? call_set : nullptr};
  this->call("forward", [&] { return component_.c->as.model->forward(instance_, &call); });
  const at::Tensor like = kind_of(inputs, parameters);
  for (const auto& [name, tensor] : context.outputs)
    check_output(who_, name, tensor, inputs.empty() ? -1 : inputs.front().second.size(0),
                 like.defined() ? like.scalar_type() : at::ScalarType::Undefined,
                 inputs.empty() ? trial_device() : inputs.front().second.device());
  return std::move(context.outputs);
}

Transform::Transform(const Component& component, const nlohmann::json& config, const nlohmann::json& facts,
                     const std::string& record)
    : Instance(component, "", config, facts, record) {
  if (!declared_.parameters.empty())
    throw Error(who_ + ": a transform is not trained; it has no parameters, only buffers");
}

std::vector<at::Tensor> Transform::first_buffers() const {
  std::vector<at::Tensor> list;
  for (const train::BufferSpec& b : declared_.buffers)
    list.push_back(b.own.defined() ? b.own.clone()
                                   : at::full(b.shape, b.value,
                                              at::TensorOptions().dtype(b.dtype).device(trial_device())));
  return list;
}

at::Tensor Transform::apply(const at::Tensor& image, std::span<const at::Tensor> buffers,
                            const at::Tensor& real_logit) const {
  if (buffers.size() != declared_.buffers.size())
    throw Error(who_ + " has " + std::to_string(declared_.buffers.size()) + " buffers, and was given " +
                std::to_string(buffers.size()));
  const NamedTensors inputs = {{"image", image}, {"real_logit", real_logit}};
  CallContext context{&inputs, {}, nullptr};
  const saddle_call call{sizeof call,
                         1,
                         &context,
                         nullptr,
                         handles(buffers),
                         call_input,
                         call_output,
                         0,
                         static_cast<uint32_t>(buffers.size()),
                         nullptr};
  this->call("forward", [&] { return component_.c->as.model->forward(instance_, &call); });
  at::Tensor result = find(context.outputs, "image");
  if (!result.defined()) throw Error(who_ + ": gave no output 'image'");
  check_same_kind(who_, "image", result, image);
  return result;
}

namespace {
struct StepContext {
  StepSource* source;
  const std::string* who;
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

std::optional<ModelParameter> StepSource::model_parameter(const std::string& model, std::size_t) {
  throw Error("there is no model '" + model + "' here");
}

namespace {
int32_t layout_number(train::Layout layout) {
  switch (layout) {
    case train::Layout::linear:
      return SADDLE_LAYOUT_LINEAR;
    case train::Layout::conv:
      return SADDLE_LAYOUT_CONV;
    case train::Layout::conv_transpose:
      return SADDLE_LAYOUT_CONV_TRANSPOSE;
    case train::Layout::embedding:
      return SADDLE_LAYOUT_EMBEDDING;
    case train::Layout::other:
      break;
  }
  return SADDLE_LAYOUT_OTHER;
}

saddle_status step_model_parameter(const saddle_step* s, const char* model, uint32_t index,
                                   saddle_model_parameter* out) {
  return guarded([&] {
    if (!model || !out) throw Error("a parameter is asked for without a model's name or a place to put it");
    StepContext& context = context_of(s);
    saddle_model_parameter p{};
    if (const auto found = context.source->model_parameter(model, index)) {
      p.layout = layout_number(found->spec->layout);
      p.norm = static_cast<int32_t>(found->spec->norm);
      p.trained = found->trained;
      p.name = found->spec->name.c_str();
      p.weight = keep(context, found->weight);
      p.raw = keep(context, found->raw);
    }
    p.struct_size = out->struct_size;
    std::memcpy(out, &p, std::min<std::size_t>(out->struct_size, sizeof p));
  });
}
}  // namespace

NamedTensors Loss::compute(StepSource& source, const std::string& role, int64_t round,
                           std::span<const at::Tensor> parameters,
                           std::span<const at::Tensor> buffers) const {
  StepContext context{&source, &who_, {}, {}};
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
  step.model_parameter = step_model_parameter;
  step.term = [](const saddle_step* s, const char* name, saddle_tensor* value) {
    return guarded([&] {
      if (!name || !*name || !value) throw Error("a term without a name or a value");
      at::Tensor t = share(value);
      check_term(*context_of(s).who, name, t, trial_device());
      context_of(s).terms.emplace_back(name, t.dim() ? t.reshape({}) : std::move(t));
    });
  };
  const auto caller =
      std::make_shared<Caller>(Caller{who_, role + "/" + caller_->record, caller_->place, holding_});
  call(caller, "compute", [&] { return component_.c->as.loss->compute(instance_, &step); });
  return std::move(context.terms);
}

bool Loss::speaks_to(const std::string& role) const {
  return component_.description.at("roles").contains(role);
}

std::vector<std::string> Loss::needs(const std::string& role) const {
  return needs_of(component_.description.at("roles").at(role), config_);
}

Dataset::Dataset(const Component& component, const nlohmann::json& config, const nlohmann::json& facts)
    : Instance(component, "", config, facts) {
  saddle_dataset_info info{};
  info.struct_size = sizeof info;
  call("info", [&] { return component_.c->as.dataset->info(instance_, &info); });
  if (info.dim < 1 || info.dim > 4)
    throw Error(who_ + ": a sample of " + std::to_string(info.dim) + " dimensions");
  info_.dtype = static_cast<at::ScalarType>(to_scalar_type(info.dtype));
  if (info_.dtype != at::kByte && info_.dtype != at::kFloat)
    throw Error(who_ + ": samples must be uint8 (pictures) or float32 (points)");
  info_.shape.assign(info.shape, info.shape + info.dim);
  int64_t numbers = 1;
  for (const int64_t s : info_.shape) {
    if (s < 1) throw Error(who_ + ": a sample has a dimension of size " + std::to_string(s));
    if (__builtin_mul_overflow(numbers, s, &numbers) || numbers > kLargestSample)
      throw Error(who_ + ": a sample of more than " + std::to_string(kLargestSample) + " numbers");
  }
  info_.classes = info.classes;
  if (info.classes < 0) throw Error(who_ + ": says it has " + std::to_string(info.classes) + " classes");
  if (info.split_count && !info.splits) throw Error(who_ + ": its list of splits is null");
  for (uint32_t i = 0; i < info.split_count; ++i) {
    const saddle_split& split = info.splits[i];
    if (!split.name || split.size < 0)
      throw Error(who_ + ": a split " +
                  (split.name ? "'" + std::string(split.name) + "'" : "without a name") + " of " +
                  std::to_string(split.size) + " samples");
    info_.splits.emplace_back(split.name, split.size);
  }
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
  FencedTensor samples(shape, info_.dtype);
  std::optional<FencedTensor> labels;
  if (info_.classes) labels.emplace(std::vector<int64_t>{shape[0]}, at::kLong);
  call("fill", [&] {
    return component_.c->as.dataset->fill(instance_, split, indices.data(), shape[0], samples.data(),
                                          labels ? static_cast<int64_t*>(labels->data()) : nullptr);
  });
  samples.check(who_, "fill", "samples");
  if (!labels) return {samples.tensor(), at::Tensor()};
  labels->check(who_, "fill", "labels");
  check_labels(who_, labels->tensor(), info_.classes);
  return {samples.tensor(), labels->tensor()};
}

void Metric::reference(const at::Tensor& features, const at::Tensor& labels) const {
  const InHostMemory here;
  const saddle_samples samples{sizeof samples, lend(features), lend(labels)};
  call("reference", [&] { return component_.c->as.metric->reference(instance_, &samples); });
}

std::vector<std::pair<std::string, double>> Metric::measure(const at::Tensor& features,
                                                            const at::Tensor& labels) const {
  std::vector<std::pair<std::string, double>> numbers;
  const InHostMemory here;
  const saddle_samples samples{sizeof samples, lend(features), lend(labels)};
  const saddle_report report{
      sizeof report, &numbers, [](const saddle_report* r, const char* name, double value) {
        return guarded([&] {
          if (!name || !*name) throw Error("a number without a name");
          static_cast<std::vector<std::pair<std::string, double>>*>(r->context)->emplace_back(name, value);
        });
      }};
  call("measure", [&] { return component_.c->as.metric->measure(instance_, &samples, &report); });
  return numbers;
}

}  // namespace saddle::worker
