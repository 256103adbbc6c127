#include "train/update.hpp"

#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <sstream>

#include "common/error.hpp"
#include "train/checkpoint.hpp"
#include "train/gradients.hpp"

namespace saddle::train {
namespace {

const std::string kSigma = "sigma/";

Optimizer make_optimizer(const std::vector<TrainedSet>& sets, const OptimizerConfig& config) {
  std::vector<at::Tensor> leaves;
  std::vector<std::string> names;
  for (const TrainedSet& set : sets) {
    for (const at::Tensor& leaf : set.weights->set().leaves()) leaves.push_back(leaf);
    for (const std::string& name : set.weights->set().leaf_names()) names.push_back(set.name + "/" + name);
  }
  return {config, std::move(leaves), std::move(names)};
}

}  // namespace

Update::Update(std::vector<TrainedSet> sets, const OptimizerConfig& config)
    : sets_(std::move(sets)), optimizer_(make_optimizer(sets_, config)) {
  if (config.sigma_clamp.on())
    for (const TrainedSet& set : sets_)
      spectra_.emplace_back(set.weights->set(), config.sigma_clamp.ratio > 0 ? 2 : 1);
}

void Update::begin(int64_t number) {
  for (const TrainedSet& set : sets_) set.weights->begin(number, Use::own);
}

std::vector<at::Tensor> Update::gradients(const at::Tensor& total) {
  if (total.numel() != 1) {
    std::ostringstream shape;
    shape << total.sizes();
    throw Error("the sum of a player's terms must be a scalar, found shape " + shape.str());
  }
  if (!total.requires_grad())
    throw Error("the sum of a player's terms depends on none of its parameters; nothing can be trained");
  std::vector<at::Tensor> leaves;
  for (const TrainedSet& set : sets_)
    for (const at::Tensor& leaf : set.weights->leaves()) leaves.push_back(leaf);
  std::vector<at::Tensor> by_leaf = collect_gradients(
      leaves, torch::autograd::grad({total}, leaves, {}, /*retain_graph=*/false, /*create_graph=*/false,
                                    /*allow_unused=*/true));
  std::vector<at::Tensor> raw;
  auto from = by_leaf.begin();
  for (const TrainedSet& set : sets_) {
    const auto to = from + static_cast<std::ptrdiff_t>(set.weights->leaves().size());
    for (at::Tensor& gradient : set.weights->pull_back({from, to})) raw.push_back(std::move(gradient));
    from = to;
  }
  return collect_gradients(optimizer_.leaves(), std::move(raw));
}

at::Tensor Update::finish(const at::Tensor& total, double lr, int64_t round, bool measure) {
  return apply(gradients(total), lr, round, measure);
}

at::Tensor Update::apply(std::vector<at::Tensor> gradients, double lr, int64_t round, bool measure) {
  const OptimizerConfig& config = optimizer_.config();
  at::Tensor norm;
  if (measure || config.clip_norm > 0) norm = gradient_norm(gradients);
  if (config.clip_norm > 0) gradients = clip_gradients(gradients, norm, config.clip_norm);
  optimizer_.step(gradients, lr);
  if (config.clip_weights > 0) {
    const c10::NoGradGuard no_grad;
    at::_foreach_clamp_min_(optimizer_.leaves(), -config.clip_weights);
    at::_foreach_clamp_max_(optimizer_.leaves(), config.clip_weights);
  }
  for (std::size_t i = 0; i < spectra_.size(); ++i)
    clamp_sigma(sets_[i].weights->set(), spectra_[i], config.sigma_clamp);
  for (const TrainedSet& set : sets_)
    if (set.average) set.average->update(set.weights->set(), round);
  return norm;
}

std::map<std::string, at::Tensor> Update::state() const {
  std::map<std::string, at::Tensor> all = optimizer_.state();
  for (std::size_t i = 0; i < spectra_.size(); ++i)
    add_prefixed(all, kSigma + sets_[i].name + "/", spectra_[i].state());
  return all;
}

void Update::load_state(const std::map<std::string, at::Tensor>& state) {
  std::map<std::string, at::Tensor> optimizer = state;
  std::erase_if(optimizer, [](const auto& entry) { return entry.first.starts_with(kSigma); });
  optimizer_.load_state(optimizer);
  for (std::size_t i = 0; i < spectra_.size(); ++i)
    spectra_[i].load_state(with_prefix(state, kSigma + sets_[i].name + "/"));
}

}  // namespace saddle::train
