#include "train/parameters.hpp"

#include <c10/core/GradMode.h>

#include <sstream>

#include "common/error.hpp"

namespace saddle::train {
namespace {

Error zero_under_norm(const ParameterSpec& spec) {
  return Error("parameter \"" + spec.name + "\": " + std::string(to_string(spec.norm)) +
               " norm divides by a size that is 0 for a weight that starts as zeros; "
               "choose another init or norm \"none\"");
}

ParameterSpec with_overrides(ParameterSpec spec, const ParameterOptions& options) {
  const bool weight = spec.shape.size() >= 2;
  if (weight && options.init) spec.init = *options.init;
  if (weight && options.norm && spec.layout != Layout::other) spec.norm = *options.norm;
  if (spec.norm == Norm::none) return spec;
  if (!weight)
    throw Error("parameter \"" + spec.name + "\": " + std::string(to_string(spec.norm)) +
                " norm needs a weight with two or more dimensions");
  const bool zero =
      spec.init.kind == InitKind::zeros || (spec.init.kind == InitKind::constant && spec.init.a == 0);
  if (zero) throw zero_under_norm(spec);
  return spec;
}

std::string shape_text(const at::Tensor& tensor) {
  std::ostringstream text;
  text << tensor.sizes();
  return text.str();
}

void check_shape(const std::string& name, const at::Tensor& found, const at::Tensor& expected) {
  if (found.sizes() != expected.sizes())
    throw Error("tensor \"" + name + "\" has shape " + shape_text(found) + ", expected " +
                shape_text(expected));
}

// Dense, since fused optimisers read raw memory; the same tensor where nothing is to be done.
at::Tensor placed(const at::Tensor& tensor, at::ScalarType dtype, const ParameterOptions& options) {
  const bool channels_last = options.channels_last && tensor.dim() == 4;
  return tensor.to(at::TensorOptions(dtype).device(options.device))
      .contiguous(channels_last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous);
}

at::Tensor deep_copy(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.detach().clone(at::MemoryFormat::Preserve) : tensor;
}

}  // namespace

std::optional<Norm> norm_from_name(std::string_view name) {
  if (name == "default") return std::nullopt;
  if (name == "none") return Norm::none;
  if (name == "spectral") return Norm::spectral;
  if (name == "weight") return Norm::weight;
  throw Error("no norm \"" + std::string(name) + "\". Known: default, none, spectral, weight");
}

std::string_view to_string(Norm norm) {
  switch (norm) {
    case Norm::spectral:
      return "spectral";
    case Norm::weight:
      return "weight";
    case Norm::none:
      break;
  }
  return "none";
}

at::Tensor output_lengths(const at::Tensor& weight, Layout layout) {
  std::vector<int64_t> others;
  for (int64_t d = 0; d < weight.dim(); ++d)
    if (d != (layout == Layout::conv_transpose ? 1 : 0)) others.push_back(d);
  return at::linalg_vector_norm(weight, 2, others, /*keepdim=*/true);
}

ParameterSet::ParameterSet(std::vector<ParameterSpec> parameters, std::vector<BufferSpec> buffers,
                           at::Generator generator, const ParameterOptions& options)
    : spectral_eps_(options.spectral_eps) {
  const c10::NoGradGuard no_grad;
  for (ParameterSpec& declared : parameters) {
    Parameter p{with_overrides(std::move(declared), options), {}, {}, {}};
    const at::Tensor& own = p.spec.own;
    at::Tensor start;
    try {
      start = p.spec.init.kind == InitKind::own
                  ? own.detach()
                  : initialise(p.spec.shape, p.spec.layout, p.spec.init, options.dtype, generator);
    } catch (const Error& error) {
      throw Error("parameter \"" + p.spec.name + "\": " + error.what(), error.exit_code);
    }
    if (p.spec.init.kind == InitKind::own && p.spec.norm != Norm::none && !start.any().item<bool>())
      throw zero_under_norm(p.spec);
    p.raw = placed(start, options.dtype, options);
    if (own.defined()) {
      own.set_data(p.raw);
      p.raw = p.spec.norm == Norm::none ? own : deep_copy(p.raw);
    }
    if (!index_.emplace(p.spec.name, parameters_.size()).second)
      throw Error("parameter \"" + p.spec.name + "\" is declared twice");
    parameters_.push_back(std::move(p));
  }
  for (Parameter& p : parameters_) {
    if (p.spec.norm == Norm::spectral)
      p.singular = start_singular_vectors(p.raw, p.spec.layout, spectral_eps_, generator);
    if (p.spec.norm == Norm::weight) p.g = output_lengths(p.raw, p.spec.layout).requires_grad_();
    p.raw.requires_grad_();
  }
  for (const BufferSpec& declared : buffers) {
    at::Tensor buffer = declared.own;
    if (buffer.defined())
      buffer.set_data(placed(buffer.detach(), declared.dtype, options));
    else
      buffer =
          at::full(declared.shape, declared.value, at::TensorOptions(declared.dtype).device(options.device));
    if (!buffers_.emplace(declared.name, std::move(buffer)).second)
      throw Error("buffer \"" + declared.name + "\" is declared twice");
  }
  std::size_t expected = buffers_.size();
  for (const Parameter& p : parameters_)
    expected += p.spec.norm == Norm::spectral ? 3 : p.spec.norm == Norm::weight ? 2 : 1;
  if (tensors().size() != expected)
    throw Error("two tensors of one model have the same name (NAME.g, NAME.u, NAME.v belong to norms)");
}

std::size_t ParameterSet::index(const std::string& name) const {
  const auto found = index_.find(name);
  if (found == index_.end()) throw Error("no parameter \"" + name + "\"");
  return found->second;
}

at::Tensor& ParameterSet::buffer(const std::string& name) {
  const auto found = buffers_.find(name);
  if (found == buffers_.end()) throw Error("no buffer \"" + name + "\"");
  return found->second;
}

std::vector<at::Tensor> ParameterSet::leaves() const {
  std::vector<at::Tensor> leaves;
  for (const Parameter& p : parameters_) {
    leaves.push_back(p.raw);
    if (p.g.defined()) leaves.push_back(p.g);
  }
  return leaves;
}

std::vector<std::string> ParameterSet::leaf_names() const {
  std::vector<std::string> names;
  for (const Parameter& p : parameters_) {
    names.push_back(p.spec.name);
    if (p.g.defined()) names.push_back(p.spec.name + ".g");
  }
  return names;
}

int64_t ParameterSet::count() const {
  int64_t count = 0;
  for (const Parameter& p : parameters_) count += p.raw.numel();
  return count;
}

std::map<std::string, at::Tensor> ParameterSet::tensors() const {
  std::map<std::string, at::Tensor> all = buffers_;
  for (const Parameter& p : parameters_) {
    all.emplace(p.spec.name, p.raw);
    if (p.g.defined()) all.emplace(p.spec.name + ".g", p.g);
    if (!p.singular.u.defined()) continue;
    all.emplace(p.spec.name + ".u", p.singular.u);
    all.emplace(p.spec.name + ".v", p.singular.v);
  }
  return all;
}

void ParameterSet::load(const std::map<std::string, at::Tensor>& tensors, Load mode) {
  const c10::NoGradGuard no_grad;
  const std::map<std::string, at::Tensor> mine = this->tensors();
  for (const auto& [name, tensor] : tensors) {
    const auto found = mine.find(name);
    if (found == mine.end())
      throw Error("tensor \"" + name + "\" belongs to no parameter or buffer of this model");
    check_shape(name, tensor, found->second);
  }
  for (const auto& [name, tensor] : mine)
    if (!tensors.contains(name) && (mode == Load::exact || index_.contains(name)))
      throw Error("tensor \"" + name + "\" is missing");
  for (const auto& [name, tensor] : tensors) {
    at::Tensor target = mine.at(name);
    target.copy_(tensor);
  }
  if (mode == Load::exact) return;
  for (Parameter& p : parameters_) {
    if (p.g.defined() && !tensors.contains(p.spec.name + ".g"))
      p.g.copy_(output_lengths(p.raw, p.spec.layout));
    const bool known = tensors.contains(p.spec.name + ".u") && tensors.contains(p.spec.name + ".v");
    if (!p.singular.u.defined() || known) continue;
    const SingularVectors found = converged_vectors(p.raw, p.spec.layout, p.singular, spectral_eps_);
    p.singular.u.copy_(found.u);
    p.singular.v.copy_(found.v);
  }
}

void ParameterSet::set_weight(std::size_t index, const at::Tensor& weight) {
  const c10::NoGradGuard no_grad;
  Parameter& p = parameters_.at(index);
  check_shape(p.spec.name, weight, p.raw);
  if (p.spec.norm == Norm::spectral)
    throw Error("weight \"" + p.spec.name +
                "\" cannot start from data: spectral norm gives it the size 1. Choose norm weight or none");
  p.raw.copy_(weight);
  if (p.g.defined()) p.g.copy_(output_lengths(p.raw, p.spec.layout));
}

ParameterSet ParameterSet::average() const {
  ParameterSet copy;
  copy.index_ = index_;
  copy.spectral_eps_ = spectral_eps_;
  for (const Parameter& p : parameters_) {
    copy.parameters_.push_back(
        {p.spec, deep_copy(p.raw), deep_copy(p.g), {deep_copy(p.singular.u), deep_copy(p.singular.v)}});
    copy.parameters_.back().spec.own.reset();
  }
  for (const auto& [name, buffer] : buffers_) copy.buffers_.emplace(name, deep_copy(buffer));
  return copy;
}

}  // namespace saddle::train
