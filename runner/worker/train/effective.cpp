#include "train/effective.hpp"

#include <ATen/autocast_mode.h>
#include <c10/core/GradMode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <algorithm>
#include <stdexcept>

#include "common/error.hpp"

namespace saddle::train {
namespace {

int64_t version_of(const Parameter& p) {
  return static_cast<int64_t>(p.raw._version()) + (p.g.defined() ? static_cast<int64_t>(p.g._version()) : 0);
}

at::Tensor flat(const at::Tensor& dense) { return dense.as_strided({dense.numel()}, {1}); }

// d/dW of W / (u^T W v): (G - <G, W/sigma> u v^T) / sigma.
at::Tensor pull_back_spectral(const Parameter& p, const at::Tensor& effective, const at::Tensor& sigma,
                              const at::Tensor& gradient) {
  const at::Tensor slope = at::dot(flat(gradient), flat(effective)) / sigma;
  return at::div(gradient, sigma).addcmul_(p.singular.v, p.singular.u * slope, -1);
}

// d/dg and d/dv of g v / |v|: <G, v>/|v| and (g/|v|) (G - v <G, v>/|v|^2), per output.
std::pair<at::Tensor, at::Tensor> pull_back_weight_norm(const Parameter& p, const at::Tensor& raw,
                                                        const at::Tensor& g, const at::Tensor& length,
                                                        const at::Tensor& gradient) {
  const int64_t out = p.spec.layout == Layout::conv_transpose ? 1 : 0;
  std::vector<int64_t> others;
  for (int64_t d = 0; d < raw.dim(); ++d)
    if (d != out) others.push_back(d);
  at::Tensor by_g = at::mul(gradient, raw).sum(others, /*keepdim=*/true).div_(length);
  at::Tensor by_raw = at::addcmul(gradient, raw, by_g / length, -1).mul_(g / length);
  return {std::move(by_raw), std::move(by_g)};
}

}  // namespace

SpectralRule spectral_rule_from_name(std::string_view name) {
  if (name == "own") return SpectralRule::own;
  if (name == "every") return SpectralRule::every;
  throw Error("no spectral norm rule \"" + std::string(name) + "\". Known: own, every");
}

EffectiveWeights::EffectiveWeights(ParameterSet& set, const SpectralOptions& options, bool converge)
    : set_(set), options_(options), converge_(converge) {
  for (const Parameter& p : set_.parameters()) detached_.push_back(p.raw.detach());
  weights_.resize(detached_.size());
  sizes_.resize(detached_.size());
  versions_.resize(detached_.size(), -1);
}

void EffectiveWeights::begin(int64_t update, Use use) {
  if (update < update_)
    throw std::logic_error("update " + std::to_string(update) + " begun after update " +
                           std::to_string(update_));
  if (converge_ && use == Use::own) throw std::logic_error("an average has no update of its own");
  update_ = update;
  use_ = use;
  computed_ = false;
  asked_.clear();
}

const at::Tensor& EffectiveWeights::weight(std::size_t index, int64_t update) {
  const Parameter& p = set_.parameters().at(index);
  if (update != update_)
    throw std::logic_error("weight \"" + p.spec.name + "\" read in update " + std::to_string(update) +
                           ", but the player's last one begun is " + std::to_string(update_));
  if (!computed_) compute();
  if (p.spec.norm != Norm::none && versions_[index] != version_of(p))
    throw std::logic_error("weight \"" + p.spec.name + "\" changed within update " + std::to_string(update) +
                           " after it was normalised; begin() again before reading it");
  return weights_[index];
}

const at::Tensor& EffectiveWeights::raw(std::size_t index, int64_t update) {
  const at::Tensor& effective = weight(index, update);
  const Parameter& p = set_.parameters()[index];
  if (p.spec.norm == Norm::none) return effective;
  if (use_ != Use::own) return detached_[index];
  if (std::find(asked_.begin(), asked_.end(), index) == asked_.end()) asked_.push_back(index);
  return p.raw;
}

const std::vector<at::Tensor>& EffectiveWeights::leaves() {
  if (use_ != Use::own) throw std::logic_error("only a player's own update has leaves");
  if (!computed_) compute();
  if (asked_.empty()) return weights_;
  leaves_ = weights_;
  for (const std::size_t index : asked_) leaves_.push_back(set_.parameters()[index].raw);
  return leaves_;
}

void EffectiveWeights::compute() {
  const c10::NoGradGuard no_grad;
  // A norm in bfloat16 would be one of another matrix.
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const bool moves = use_ == Use::own || (use_ == Use::other && options_.rule == SpectralRule::every);
  const bool iterate = moves && !converge_ && iterated_in_ != update_;
  if (iterate) iterated_in_ = update_;
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    Parameter& p = set_.parameters()[i];
    const at::Tensor& own = p.spec.own;
    if (own.defined()) own.requires_grad_(use_ == Use::own);
    if (p.spec.norm == Norm::none) {
      weights_[i] = use_ == Use::own || own.defined() ? p.raw : detached_[i];
      continue;
    }
    // A converged weight that has not changed since is still right.
    if (converge_ && versions_[i] == version_of(p)) continue;
    weights_[i] = own.defined() ? own.copy_(normalised(i, iterate)) : normalised(i, iterate);
    if (use_ == Use::own) weights_[i].requires_grad_();
    versions_[i] = version_of(p);
  }
  computed_ = true;
}

at::Tensor EffectiveWeights::normalised(std::size_t index, bool iterate) {
  Parameter& p = set_.parameters()[index];
  const at::Tensor& raw = detached_[index];
  if (p.spec.norm == Norm::weight) {
    sizes_[index] = output_lengths(raw, p.spec.layout);
    return raw * (p.g.detach() / sizes_[index]);
  }
  if (converge_) p.singular = converged_vectors(raw, p.spec.layout, p.singular, options_.eps);
  sizes_[index] =
      power_iteration(raw, p.spec.layout, p.singular, iterate ? options_.iterations : 0, options_.eps);
  return raw / sizes_[index];
}

std::vector<at::Tensor> EffectiveWeights::pull_back(const std::vector<at::Tensor>& gradients) {
  if (use_ != Use::own || !computed_)
    throw std::logic_error("gradients pulled back outside the player's own update");
  if (gradients.size() != weights_.size() + asked_.size())
    throw std::logic_error("pull_back takes one gradient for each leaf");
  const c10::NoGradGuard no_grad;
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  std::vector<at::Tensor> raw;
  std::vector<std::size_t> places;  // of each parameter's raw gradient in the result
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    places.push_back(raw.size());
    const Parameter& p = set_.parameters()[i];
    if (p.spec.norm != Norm::none && versions_[i] != version_of(p))
      throw std::logic_error("weight \"" + p.spec.name + "\" changed before its gradient was pulled back");
    switch (p.spec.norm) {
      case Norm::none:
        raw.push_back(gradients[i]);
        break;
      case Norm::spectral:
        raw.push_back(pull_back_spectral(p, weights_[i].detach(), sizes_[i], gradients[i]));
        break;
      case Norm::weight: {
        auto [by_raw, by_g] = pull_back_weight_norm(p, detached_[i], p.g.detach(), sizes_[i], gradients[i]);
        raw.push_back(std::move(by_raw));
        raw.push_back(std::move(by_g));
        break;
      }
    }
  }
  for (std::size_t i = 0; i < asked_.size(); ++i)
    raw[places[asked_[i]]] = raw[places[asked_[i]]] + gradients[weights_.size() + i];
  return raw;
}

}  // namespace saddle::train
