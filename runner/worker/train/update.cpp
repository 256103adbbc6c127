#include "train/update.hpp"

#include <torch/csrc/autograd/autograd.h>

#include <sstream>

#include "common/error.hpp"
#include "train/gradients.hpp"

namespace saddle::train {
namespace {

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
    : sets_(std::move(sets)), optimizer_(make_optimizer(sets_, config)) {}

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
  std::vector<at::Tensor> raw = gradients(total);
  const double clip = optimizer_.config().clip_norm;
  at::Tensor norm;
  if (measure || clip > 0) norm = gradient_norm(raw);
  if (clip > 0) raw = clip_gradients(raw, norm, clip);
  optimizer_.step(raw, lr);
  for (const TrainedSet& set : sets_)
    if (set.average) set.average->update(set.weights->set(), round);
  return norm;
}

}  // namespace saddle::train
