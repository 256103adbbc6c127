#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include <bridge/instances.hpp>
#include <game/trial.hpp>

namespace saddle::worker {

// Instance selection (DeVries et al. 2020, arXiv:2007.15255): the share `keep` of the training split that
// lies densest in some space of features, of each class on its own; config key dataset.select.
class Selection {
 public:
  static bool wanted(const Trial& trial);
  // Both must outlive it.
  Selection(const Trial& trial, const Dataset& dataset);

  // Places in the training split that remain, ascending, int64 on the CPU. Scores are computed once for all
  // trials: they are kept in saddle's cache folder by what they depend on. Throws PlacedError.
  at::Tensor kept() const;

  // What can be known before any score: how many remain. Computes features of a few samples, and throws
  // PlacedError where the selection cannot be, or has too few for dataset.labelled. `labels` of the whole
  // split; undefined where the set has none, or is too large to read for this, which makes the number
  // approximate.
  struct Prospect {
    int64_t kept, of;
    bool exact;
  };
  Prospect prospect(const at::Tensor& labels) const;

 private:
  // Of the whole split; labels undefined where classes play no part.
  struct Scored {
    at::Tensor scores, labels;
  };
  Scored scored() const;
  Scored compute() const;
  at::Tensor features(const at::Tensor& places) const;
  at::Tensor score(const at::Tensor& rows) const;
  at::Tensor read_labels() const;
  std::string key() const;
  // The groups that are judged each on its own: places of every class that has any.
  std::vector<std::pair<int64_t, at::Tensor>> groups(const at::Tensor& labels) const;
  int64_t share(int64_t label, int64_t size) const;

  const Trial& trial_;
  const Dataset& dataset_;
  nlohmann::json select_;
  uint32_t split_;
  int64_t size_;
  bool by_class_;
};

}  // namespace saddle::worker
