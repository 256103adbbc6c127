#pragma once
#include <cstdint>
#include <vector>

#include "train/parameters.hpp"

namespace saddle::train {

// When the vectors u, v of spectral norm move.
enum class SpectralRule {
  own,    // once in every update of the player itself
  every,  // also once in an update of another player that runs it, as networks that
          // iterate in every training forward do
};

struct SpectralOptions {
  int iterations = 1;
  SpectralRule rule = SpectralRule::own;
  double eps = 1e-12;
};

// Throws Error for an unknown name.
SpectralRule spectral_rule_from_name(std::string_view name);

// Why a player's weights are read.
enum class Use {
  own,      // its own update: weights are leaves that require grad
  other,    // the update of another player: weights do not require grad
  measure,  // evaluation or sampling: weights do not require grad, u, v stay as they are
};

// The weights a model computes with: raw ones where there is no norm, W / sigma
// (Miyato et al. 2018) or g v / |v| (Salimans and Kingma 2016) where there is.
//
// Each is computed once per update, at the first reading, outside any graph and
// without autocast. In the player's own update it is handed out as a detached
// leaf. Gradients with respect to these leaves (second-order ones, such as a
// gradient penalty's, included, since the penalty is a function of the leaf like
// any other term) are then pulled back to the raw parameters. sigma = u^T W v is
// differentiated with u, v held fixed.
//
// A parameter whose owner computes with a tensor of its own (ParameterSpec.own) has that tensor as its weight
// and leaf: it requires grad in the player's own update only, and holds the normalised values where there is
// a norm.
//
// Reading a weight under another update number than the one begun, or after the
// raw weight has changed, throws std::logic_error: a stale weight would be
// accepted silently otherwise.
class EffectiveWeights {
 public:
  // `converge`: find sigma anew whenever the weights changed, for an EMA copy.
  // The set must outlive this object and stay where it is.
  EffectiveWeights(ParameterSet& set, const SpectralOptions& options, bool converge = false);

  // Update numbers never fall. Cheap: nothing is computed yet. Beginning the
  // same update again (evaluation after the step, say) never moves u, v twice.
  void begin(int64_t update, Use use);
  int64_t update() const { return update_; }

  // The weight to compute with, by position in the set. Valid in `update` only.
  const at::Tensor& weight(std::size_t index, int64_t update);
  const at::Tensor& weight(const std::string& name, int64_t update) {
    return weight(set_.index(name), update);
  }

  // The raw weight itself, for terms that speak of it (a penalty on its size). Where
  // there is no norm it is the weight. In an own update it is one more leaf.
  const at::Tensor& raw(std::size_t index, int64_t update);

  // What to differentiate by: one leaf a parameter, then the raw weights that were
  // asked for. Only in an own update.
  const std::vector<at::Tensor>& leaves();

  // Gradients by leaves() (defined, with the leaves' strides: see
  // collect_gradients) -> gradients by set().leaves(), equal to
  // grad({effective}, {raw, g}, {gradient}) with u, v fixed, plus those of the raw
  // weights that were asked for.
  std::vector<at::Tensor> pull_back(const std::vector<at::Tensor>& gradients);

  ParameterSet& set() { return set_; }

 private:
  void compute();
  at::Tensor normalised(std::size_t index, bool iterate);

  ParameterSet& set_;
  SpectralOptions options_;
  bool converge_;
  int64_t update_ = -1, iterated_in_ = -1;
  Use use_ = Use::measure;
  bool computed_ = false;
  std::vector<at::Tensor> detached_;  // of each raw parameter, made once; shares its memory
  std::vector<at::Tensor> weights_;   // what this update computes with
  std::vector<at::Tensor> sizes_;     // sigma, or |v| per output, of this update
  std::vector<int64_t> versions_;     // of raw and g when computed
  std::vector<std::size_t> asked_;    // raw weights with a norm that are leaves of this update, too
  std::vector<at::Tensor> leaves_;    // weights_ and those, if there are any
};

}  // namespace saddle::train
