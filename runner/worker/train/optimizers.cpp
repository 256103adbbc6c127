#include "train/optimizers.hpp"

#include <c10/core/GradMode.h>

#include <nlohmann/json.hpp>

#include "common/error.hpp"

namespace saddle::train {
namespace {

std::vector<at::Tensor> zeros_like(const std::vector<at::Tensor>& leaves) {
  std::vector<at::Tensor> zeros;
  for (const at::Tensor& leaf : leaves)
    zeros.push_back(at::zeros_like(leaf.detach(), at::MemoryFormat::Preserve));
  return zeros;
}

// Kinds of state by optimiser, in torch.optim's names.
std::vector<std::string> state_kinds(const OptimizerConfig& config) {
  switch (config.kind) {
    case OptimizerKind::adam:
    case OptimizerKind::adamw:
      return {"exp_avg", "exp_avg_sq"};
    case OptimizerKind::sgd:
      if (config.momentum != 0) return {"momentum_buffer"};
      return {};
    case OptimizerKind::rmsprop:
      break;
  }
  std::vector<std::string> kinds{"square_avg"};
  if (config.momentum != 0) kinds.emplace_back("momentum_buffer");
  if (config.centered) kinds.emplace_back("grad_avg");
  return kinds;
}

}  // namespace

Optimizer::Optimizer(const OptimizerConfig& config, std::vector<at::Tensor> leaves,
                     std::vector<std::string> names)
    : config_(config), leaves_(std::move(leaves)), names_(std::move(names)) {
  if (leaves_.size() != names_.size()) throw std::logic_error("an optimizer takes one name for each leaf");
  const at::Device device = leaves_.empty() ? at::Device(at::kCPU) : leaves_[0].device();
  step_ = at::zeros({}, at::TensorOptions(at::kFloat).device(device));
  for (const std::string& kind : state_kinds(config_)) moments_[kind] = zeros_like(leaves_);
}

void Optimizer::step(const std::vector<at::Tensor>& gradients, double lr) {
  if (gradients.size() != leaves_.size())
    throw std::logic_error("an optimizer takes one gradient for each leaf");
  if (leaves_.empty()) return;
  const c10::NoGradGuard no_grad;
  step_.add_(1);  // first: the fused kernels read it and do not advance it
  switch (config_.kind) {
    case OptimizerKind::adam:
    case OptimizerKind::adamw:
      step_adam(gradients, lr);
      break;
    case OptimizerKind::sgd:
      step_sgd(gradients, lr);
      break;
    case OptimizerKind::rmsprop:
      step_rmsprop(gradients, lr);
      break;
  }
  stepped_ = true;
  // The fused kernels do not count their writes; without this neither autograd
  // nor EffectiveWeights would notice that a tensor it holds has changed.
  for (const at::Tensor& leaf : leaves_) leaf.unsafeGetTensorImpl()->bump_version();
}

void Optimizer::step_adam(const std::vector<at::Tensor>& gradients, double lr) {
  const std::vector<at::Tensor> steps(leaves_.size(), step_);
  auto& exp_avg = moments_.at("exp_avg");
  auto& exp_avg_sq = moments_.at("exp_avg_sq");
  if (config_.kind == OptimizerKind::adam)
    at::_fused_adam_(leaves_, gradients, exp_avg, exp_avg_sq, {}, steps, lr, config_.beta1, config_.beta2,
                     config_.weight_decay, config_.eps, /*amsgrad=*/false, /*maximize=*/false);
  else
    at::_fused_adamw_(leaves_, gradients, exp_avg, exp_avg_sq, {}, steps, lr, config_.beta1, config_.beta2,
                      config_.weight_decay, config_.eps, /*amsgrad=*/false, /*maximize=*/false);
}

void Optimizer::step_sgd(const std::vector<at::Tensor>& gradients, double lr) {
  const std::vector<at::Tensor> none;
  const auto buffers = moments_.find("momentum_buffer");
  at::_fused_sgd_(leaves_, gradients, buffers == moments_.end() ? none : buffers->second,
                  config_.weight_decay, config_.momentum, lr, config_.dampening, config_.nesterov,
                  /*maximize=*/false,
                  /*is_first_step=*/!stepped_);
}

void Optimizer::step_rmsprop(const std::vector<at::Tensor>& gradients, double lr) {
  const std::vector<at::Tensor> decayed =
      config_.weight_decay == 0 ? gradients : at::_foreach_add(gradients, leaves_, config_.weight_decay);
  auto& square_avg = moments_.at("square_avg");
  at::_foreach_mul_(square_avg, config_.alpha);
  at::_foreach_addcmul_(square_avg, decayed, decayed, 1 - config_.alpha);
  std::vector<at::Tensor> scale;
  if (config_.centered) {
    auto& grad_avg = moments_.at("grad_avg");
    at::_foreach_lerp_(grad_avg, decayed, 1 - config_.alpha);
    scale = at::_foreach_addcmul(square_avg, grad_avg, grad_avg, -1);
    at::_foreach_sqrt_(scale);
  } else {
    scale = at::_foreach_sqrt(square_avg);
  }
  at::_foreach_add_(scale, config_.eps);
  if (config_.momentum == 0) return at::_foreach_addcdiv_(leaves_, decayed, scale, -lr);
  auto& buffer = moments_.at("momentum_buffer");
  at::_foreach_mul_(buffer, config_.momentum);
  at::_foreach_addcdiv_(buffer, decayed, scale);
  at::_foreach_add_(leaves_, buffer, -lr);
}

std::map<std::string, at::Tensor> Optimizer::state() const {
  std::map<std::string, at::Tensor> state{{"step", step_}};
  for (const auto& [kind, tensors] : moments_)
    for (std::size_t i = 0; i < tensors.size(); ++i) state.emplace(kind + "/" + names_[i], tensors[i]);
  return state;
}

void Optimizer::load_state(const std::map<std::string, at::Tensor>& state) {
  const c10::NoGradGuard no_grad;
  const std::map<std::string, at::Tensor> mine = this->state();
  for (const auto& [name, tensor] : mine) {
    const auto found = state.find(name);
    if (found == state.end()) throw Error("optimizer state \"" + name + "\" is missing");
    if (found->second.sizes() != tensor.sizes())
      throw Error("optimizer state \"" + name + "\" has another shape");
  }
  for (const auto& [name, tensor] : state)
    if (!mine.contains(name)) throw Error("optimizer state \"" + name + "\" belongs to no parameter");
  for (const auto& [name, tensor] : state) {
    at::Tensor target = mine.at(name);
    target.copy_(tensor);
  }
  stepped_ = step_.item<float>() > 0;
}

}  // namespace saddle::train
