#pragma once
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <game/game.hpp>
#include <game/recorder.hpp>
#include <train/spectra.hpp>

namespace saddle::worker {

// Signs of collapse in any game, without a line in its models (BigGAN, Brock et al. 2019, section 4): every
// `record.monitor.every` rounds
//   PLAYER/sigma/WEIGHT/i             the largest singular values of each raw weight
//   discriminator/logit/train, /held_out, /fake   mean logits on real samples of the training split, of the
//                                     test split where there is one, and on generated ones
// and a warning, one of each kind in an attempt, when a first singular value runs away, the discriminator's
// loss jumps, or held-out samples look to the discriminator more like fakes than like training samples.
// Changes nothing in the training.
class Monitor {
 public:
  Monitor(const Trial& trial, Game& game);

  // After `rounds` rounds; records and warns when it is due.
  void look(Recorder& recorder, int64_t rounds);
  // The discriminator's total of a recorded round.
  void heard(double total, int64_t round);

  // For checkpoints; load_state takes what it knows.
  std::map<std::string, at::Tensor> state() const;
  void load_state(const std::map<std::string, at::Tensor>& state);

 private:
  void singular_values(Recorder& recorder, int64_t rounds);
  void logits(Recorder& recorder, int64_t rounds);
  double mean_logit(const Batch& batch);
  // The median of the last values of a series when `value`, which joins them, lies far from it.
  std::optional<double> departs(const std::string& series, double value, bool upwards_only);
  void warn_once(const std::string& kind, const std::string& text);

  Game& game_;
  int64_t every_, logits_;
  uint64_t seed_;
  std::vector<std::pair<std::string, std::unique_ptr<train::Spectra>>> spectra_;  // by player
  Batch train_, held_out_;
  std::map<std::string, std::vector<double>> history_;
  std::set<std::string> warned_;  // kinds
};

}  // namespace saddle::worker
