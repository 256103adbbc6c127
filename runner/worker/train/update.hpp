#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "train/effective.hpp"
#include "train/ema.hpp"
#include "train/optimizers.hpp"

namespace saddle::train {

// One set that a player trains: its model's parameters, or those of a loss.
struct TrainedSet {
  std::string name;  // prefix of its optimizer state: NAME/LEAF
  EffectiveWeights* weights;
  Ema* average = nullptr;  // updated after each step, if any
};

// One update of one player: effective weights -> (the caller's terms) ->
// gradients -> pull-back -> clip -> step -> hold weights within bounds -> average.
//
//   update.begin(number);                     // a number of the whole game, never reused
//   at::Tensor total = ...;                   // forward passes and losses
//   at::Tensor norm = update.finish(total, lr, round);
//
// The pointed-to objects must outlive this one.
class Update {
 public:
  Update(std::vector<TrainedSet> sets, const OptimizerConfig& config);

  // The sets hand out leaves that require grad from here on, until another
  // begin() of theirs.
  void begin(int64_t number);

  // Differentiates the scalar `total` (its graph is freed), steps with learning
  // rate `lr`, updates averages. Returns the norm of the raw gradients before
  // clipping as a 0-d tensor on the device, or an undefined tensor when
  // `measure` is false and nothing is clipped. Does not wait for the device.
  // Throws Error when total is not a scalar or depends on no parameter.
  at::Tensor finish(const at::Tensor& total, double lr, int64_t round, bool measure = true);

  // The two halves of finish(), for updates that add the gradients of several
  // totals: gradients by raw leaves, and what is done with them.
  std::vector<at::Tensor> gradients(const at::Tensor& total);
  at::Tensor apply(std::vector<at::Tensor> gradients, double lr, int64_t round, bool measure = true);

  Optimizer& optimizer() { return optimizer_; }

  // All that an update keeps: the optimizer's state, and the singular vectors of
  // a sigma clamp as "sigma/SET/WEIGHT". load_state throws Error as Optimizer's does.
  std::map<std::string, at::Tensor> state() const;
  void load_state(const std::map<std::string, at::Tensor>& state);

 private:
  std::vector<TrainedSet> sets_;
  Optimizer optimizer_;
  std::vector<Spectra> spectra_;  // of each set, when sigma is clamped
};

}  // namespace saddle::train
