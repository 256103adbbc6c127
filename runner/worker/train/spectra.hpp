#pragma once
#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "train/parameters.hpp"

namespace saddle::train {

// The largest singular values of a set's raw weights with their vectors, followed
// while the weights change: subspace iteration, warm-started from the vectors of
// the call before, and the exact values within the subspace (Rayleigh-Ritz). So a
// value is never above the true one. Parameters without a layout (biases, gains)
// and embeddings have no spectrum here.
class Spectra {
 public:
  struct Values {
    at::Tensor s;  // [k], falling
    at::Tensor u;  // [out, k]
    at::Tensor v;  // [rest, k], of spectral_matrix()
  };
  struct Weight {
    std::string name;
    std::size_t index;  // in the set
    at::Tensor v;       // [rest, k]; undefined before the first call
  };

  // `count`: how many values of each weight, fewer where a weight has fewer.
  // `set` must outlive this object.
  Spectra(const ParameterSet& set, int64_t count);

  const std::vector<Weight>& weights() const { return weights_; }

  // Of weight `i` of weights(), after `iterations` more steps; the first time after 20 more. No graph; does
  // not wait for the device.
  Values follow(std::size_t i, int iterations = 1);

  // The vectors by weight, for checkpoints: those that there are. load_state takes what it knows.
  std::map<std::string, at::Tensor> state() const;
  void load_state(const std::map<std::string, at::Tensor>& state);

 private:
  const ParameterSet& set_;
  int64_t count_;
  std::vector<Weight> weights_;
};

// After a step the largest singular value s0 of every raw weight is brought down
// to `max`, or to `ratio` times the second one (Brock et al. 2019, section 4.1):
// W <- W - max(0, s0 - clamp) u0 v0^T. 0 is off; of two the smaller counts.
struct SigmaClamp {
  double max = 0, ratio = 0;
  bool on() const { return max > 0 || ratio > 0; }
};

// For every weight of `spectra`, which must follow two values of each where clamp.ratio > 0.
void clamp_sigma(ParameterSet& set, Spectra& spectra, const SigmaClamp& clamp);

}  // namespace saddle::train
