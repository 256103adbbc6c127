#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <bridge/instances.hpp>
#include <game/trial.hpp>

namespace saddle::worker {

// The transforms of train.augment, one after the other, with what they remember.
class Augmentation {
 public:
  // Throws PlacedError.
  Augmentation(const Trial& trial, const nlohmann::json& facts);

  bool empty() const { return entries_.empty(); }
  // Through all of them, in the order of the list.
  at::Tensor apply(at::Tensor image);
  // The discriminator's logits of real samples in an update of its own: each transform that remembers gets
  // them once, with the next picture.
  void tell(const at::Tensor& logit);

  // What they remember, and what they have not been told yet: by name, for checkpoints.
  std::map<std::string, at::Tensor> state() const;
  void load_state(const std::map<std::string, at::Tensor>& state);

 private:
  struct Entry {
    std::string name;  // unique: a second `ada` is "ada#2"
    std::unique_ptr<Transform> transform;
    train::ParameterSet set;
    std::vector<at::Tensor> buffers;  // of the set, as declared
    at::Tensor logit;
  };
  std::vector<Entry> entries_;
};

}  // namespace saddle::worker
