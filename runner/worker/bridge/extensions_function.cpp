// saddle.function: graph nodes that call a plugin. The nodes are the host's own, so that nothing of
// LibTorch's C++ interface crosses the boundary.
#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/functions/accumulate_grad.h>
#include <torch/csrc/autograd/functions/utils.h>

#include <optional>
#include <sstream>
#include <unordered_set>

#include <bridge/caller.hpp>
#include <bridge/cancelled.hpp>
#include <bridge/complete.hpp>
#include <bridge/extensions.hpp>
#include <bridge/handle.hpp>
#include <bridge/host.hpp>
#include <bridge/random.hpp>
#include <common/error.hpp>

namespace saddle::worker {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

std::vector<saddle_tensor*> lend_all(at::TensorList tensors) {
  std::vector<saddle_tensor*> handles;
  handles.reserve(tensors.size());
  for (const at::Tensor& t : tensors) handles.push_back(lend(t));
  return handles;
}

// The plugin's callbacks with their data, which the last holder destroys.
class PluginFunction : public torch::CustomClassHolder {
 public:
  PluginFunction(const saddle_function* f, void* data) : data_(data), site_(call_site()) {
    if (f) f_ = complete(*f);
  }
  ~PluginFunction() override {
    const Calling calling(site_);
    if (f_.destroy) f_.destroy(data_);
  }
  PluginFunction(const PluginFunction&) = delete;
  PluginFunction& operator=(const PluginFunction&) = delete;

  void check() const {
    if (!f_.forward) throw Error("a function without a forward");
    if (f_.output_count == 0) throw Error("a function without outputs");
  }
  bool has_backward() const { return f_.backward != nullptr; }

  variable_list forward(at::TensorList inputs) const {
    const auto in = lend_all(inputs);
    std::vector<saddle_tensor*> out(f_.output_count);
    check_component(f_.forward(data_, in.data(), static_cast<uint32_t>(in.size()), out.data()), "");
    variable_list outputs;
    for (saddle_tensor* handle : out) outputs.push_back(take(handle));
    for (size_t i = 0; i < outputs.size(); ++i)
      if (!outputs[i].defined())
        throw Error("a function's forward left output " + std::to_string(i) + " of " +
                    std::to_string(outputs.size()) + " null");
    return outputs;
  }

  // Forward again, in the backward pass: what it says is then in nobody else's hands.
  variable_list forward_again(at::TensorList inputs) const {
    const Calling calling(site_);
    try {
      return forward(inputs);
    } catch (const Cancelled&) {
      throw;
    } catch (const std::exception& e) {
      throw Error(who() + message_of(e));
    }
  }

  variable_list backward(at::TensorList inputs, at::TensorList outputs, at::TensorList gradients) const {
    const Calling calling(site_);
    const auto in = lend_all(inputs), out = lend_all(outputs), given = lend_all(gradients);
    std::vector<saddle_tensor*> made(in.size());
    check_component(f_.backward(data_, in.data(), static_cast<uint32_t>(in.size()), out.data(), given.data(),
                                made.data()),
                    site_.caller ? site_.caller->who : "");
    variable_list result;
    for (saddle_tensor* handle : made) result.push_back(take(handle));
    for (size_t i = 0; i < result.size(); ++i)
      if (result[i].defined() && result[i].sizes() != inputs[i].sizes()) {
        std::ostringstream text;
        text << who() << "a function's backward gave input " << i << " a gradient of shape "
             << result[i].sizes() << "; the input has " << inputs[i].sizes();
        throw Error(text.str());
      }
    return result;
  }

  // "model 'dcgan': "
  std::string who() const { return site_.caller ? site_.caller->who + ": " : ""; }

 private:
  saddle_function f_{};
  void* data_;
  CallSite site_;
};
using FunctionPtr = c10::intrusive_ptr<PluginFunction>;

// While it lives, autocast keeps no casts. LibTorch 2.8 keeps those made without a graph, too, and would use
// them, detached, where the weight is used once more outside; 2.11 does not.
class NoCastCache {
 public:
  NoCastCache() { at::autocast::set_autocast_cache_enabled(false); }
  ~NoCastCache() { at::autocast::set_autocast_cache_enabled(before_); }
  NoCastCache(const NoCastCache&) = delete;
  NoCastCache& operator=(const NoCastCache&) = delete;

 private:
  bool before_ = at::autocast::is_autocast_cache_enabled();
};

template <class T>
c10::intrusive_ptr<T> saved(AutogradContext* context, const char* name) {
  return c10::static_intrusive_pointer_cast<T>(context->saved_data[name].toCapsule());
}

bool any_defined(const variable_list& tensors) {
  return std::any_of(tensors.begin(), tensors.end(), [](const at::Tensor& t) { return t.defined(); });
}

// The capsule is an argument of its own, so it has a gradient of its own: none.
variable_list after_capsule(variable_list gradients) {
  gradients.insert(gradients.begin(), at::Tensor());
  return gradients;
}

// A function with a backward.
struct Custom : torch::autograd::Function<Custom> {
  static variable_list forward(AutogradContext* context, const FunctionPtr& function, at::TensorList inputs) {
    const NoCastCache no_cast_cache;
    context->set_materialize_grads(false);
    context->saved_data["function"] = c10::IValue::make_capsule(function);
    variable_list outputs = function->forward(inputs);
    variable_list kept = inputs.vec();
    kept.insert(kept.end(), outputs.begin(), outputs.end());
    context->save_for_backward(std::move(kept));
    return outputs;
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list kept = context->get_saved_variables();
    const at::TensorList all(kept);
    const size_t inputs = kept.size() - gradients.size();
    if (!any_defined(gradients)) return variable_list(inputs + 1);
    const auto function = saved<PluginFunction>(context, "function");
    return after_capsule(function->backward(all.slice(0, inputs), all.slice(inputs), gradients));
  }
};

// Under which a segment ran, and must run again: random numbers and precision.
class Conditions : public torch::CustomClassHolder {
 public:
  Conditions() : random_(random_states()), cache_(at::autocast::is_autocast_cache_enabled()) {
    for (const at::DeviceType device : devices())
      casts_.push_back(
          {device, at::autocast::is_autocast_enabled(device), at::autocast::get_autocast_dtype(device)});
  }
  void set() const {
    set_random_states(random_);
    at::autocast::set_autocast_cache_enabled(cache_);
    for (const Cast& cast : casts_) {
      at::autocast::set_autocast_enabled(cast.device, cast.on);
      at::autocast::set_autocast_dtype(cast.device, cast.dtype);
    }
  }

 private:
  struct Cast {
    at::DeviceType device;
    bool on;
    at::ScalarType dtype;
  };
  static std::vector<at::DeviceType> devices() {
    if (trial_device().is_cpu()) return {at::kCPU};
    return {at::kCPU, trial_device().type()};
  }
  std::vector<at::Tensor> random_;
  std::vector<Cast> casts_;
  bool cache_;
};

// While it lives, those conditions hold; afterwards the present ones again.
class Under {
 public:
  explicit Under(const Conditions& conditions) {
    conditions.set();
    at::autocast::increment_nesting();
  }
  ~Under() {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    present_.set();
  }
  Under(const Under&) = delete;
  Under& operator=(const Under&) = delete;

 private:
  Conditions present_;
};

// Whether a graph rests on a leaf that is none of `leaves`.
bool rests_on_others(const variable_list& outputs, const variable_list& leaves) {
  using torch::autograd::Node;
  std::unordered_set<const c10::TensorImpl*> known;
  for (const at::Tensor& leaf : leaves) known.insert(leaf.unsafeGetTensorImpl());
  std::unordered_set<const Node*> seen;
  std::vector<Node*> open;
  const auto visit = [&](Node* node) {
    if (node && seen.insert(node).second) open.push_back(node);
  };
  for (const at::Tensor& t : outputs)
    if (t.requires_grad()) visit(torch::autograd::impl::gradient_edge(t).function.get());
  while (!open.empty()) {
    Node* node = open.back();
    open.pop_back();
    const auto* leaf = dynamic_cast<const torch::autograd::AccumulateGrad*>(node);
    if (leaf && !known.contains(leaf->variable.unsafeGetTensorImpl())) return true;
    for (const auto& edge : node->next_edges()) visit(edge.function.get());
  }
  return false;
}

constexpr const char* kForeign =
    "a checkpointed segment uses a tensor that requires a gradient and is not among its inputs; the "
    "gradient would be lost. Give it as an input";

// A function without a backward: nothing of its forward is kept, it runs again.
struct Segment : torch::autograd::Function<Segment> {
  static variable_list forward(AutogradContext* context, const FunctionPtr& function, at::TensorList inputs) {
    const NoCastCache no_cast_cache;
    context->set_materialize_grads(false);
    context->saved_data["function"] = c10::IValue::make_capsule(function);
    context->saved_data["conditions"] = c10::IValue::make_capsule(c10::make_intrusive<Conditions>());
    context->save_for_backward(inputs.vec());
    return function->forward(inputs);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto function = saved<PluginFunction>(context, "function");
    if (at::GradMode::is_enabled())
      throw Error(
          function->who() +
          "a checkpointed segment cannot be differentiated twice (create_graph, as gradient penalties "
          "ask for it). Do not checkpoint what a penalty differentiates, or give the function a "
          "backward");
    const variable_list inputs = context->get_saved_variables();
    variable_list result(inputs.size());
    if (!any_defined(gradients)) return after_capsule(std::move(result));
    variable_list leaves, outputs;
    for (const at::Tensor& input : inputs)
      leaves.push_back(input.detach().requires_grad_(input.requires_grad()));
    {
      const at::AutoGradMode record(true);
      const Under conditions(*saved<Conditions>(context, "conditions"));
      outputs = function->forward_again(leaves);
    }
    if (rests_on_others(outputs, leaves)) throw Error(function->who() + kForeign);

    variable_list roots, seeds, wanted;
    for (size_t i = 0; i < outputs.size(); ++i)
      if (gradients[i].defined() && outputs[i].requires_grad()) {
        roots.push_back(outputs[i]);
        seeds.push_back(gradients[i]);
      }
    std::vector<size_t> places;
    for (size_t i = 0; i < leaves.size(); ++i)
      if (leaves[i].requires_grad() && context->needs_input_grad(i)) {
        wanted.push_back(leaves[i]);
        places.push_back(i);
      }
    if (roots.empty() || wanted.empty()) return after_capsule(std::move(result));
    variable_list found =
        torch::autograd::grad(roots, wanted, seeds, /*retain_graph=*/false, /*create_graph=*/false,
                              /*allow_unused=*/true);
    for (size_t i = 0; i < places.size(); ++i) result[places[i]] = std::move(found[i]);
    return after_capsule(std::move(result));
  }
};

variable_list run(const FunctionPtr& function, const variable_list& inputs) {
  const at::TensorList list(inputs);
  if (function->has_backward()) return Custom::apply(function, list);
  if (!at::GradMode::is_enabled()) return function->forward(list);
  if (torch::autograd::any_variable_requires_grad(inputs)) return Segment::apply(function, list);
  // Nothing to differentiate by: it runs as it stands, and shows whether that is true.
  variable_list outputs = function->forward(list);
  for (const at::Tensor& output : outputs)
    if (output.requires_grad()) throw Error(kForeign);
  return outputs;
}

saddle_status apply(const saddle_function* function, void* data, saddle_tensor* const* inputs,
                    uint32_t input_count, saddle_tensor** results) {
  return guarded([&] {
    const auto f = c10::make_intrusive<PluginFunction>(function, data);  // from here on it owns `data`
    f->check();
    variable_list in;
    for (uint32_t i = 0; i < input_count; ++i) {
      in.push_back(share(inputs[i]));
      if (!in.back().defined()) throw Error("input " + std::to_string(i) + " of a function is null");
    }
    variable_list outputs = run(f, in);
    for (size_t i = 0; i < outputs.size(); ++i) results[i] = give(std::move(outputs[i]));
  });
}

}  // namespace

const saddle_function_extension& function_extension() {
  static const saddle_function_extension table = {sizeof table, apply};
  return table;
}

}  // namespace saddle::worker
