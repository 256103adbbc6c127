#pragma once
#include <memory>
#include <string>

#include <bridge/instances.hpp>
#include <commands/one_shot.hpp>
#include <train/effective.hpp>

namespace saddle::worker {

// A model with weights, outside any game.
class Network {
 public:
  // `component` of the request as open_component takes it; its "host" has role, init
  // and norm. Weights are those a trial with that seed starts with, drawn in
  // float32 and then cast to `dtype`.
  Network(const Request& component, const nlohmann::json& facts, uint64_t seed, at::ScalarType dtype);

  // Weights from a file: plain ones by the parameters' names, or a player's raw
  // ones out of a checkpoint. Throws Error naming the file and tensor that do not fit.
  void load(const std::filesystem::path& file);

  // Begins an update: `training` moves the vectors of spectral norm as the player's own update does.
  void begin(train::Use use) { weights_.begin(++update_, use); }
  NamedTensors forward(const NamedTensors& inputs, bool training);
  // As StepSource::model_parameter has it.
  std::optional<ModelParameter> parameter(std::size_t index, bool trained);

  const Model& model() const { return model_; }
  const std::string& role() const { return role_; }
  train::ParameterSet& set() { return set_; }
  train::EffectiveWeights& weights() { return weights_; }

 private:
  std::string role_;
  Model model_;
  train::ParameterSet set_;
  train::EffectiveWeights weights_;
  int64_t update_ = 0;
};

// Facts for a component that is called alone: what the request says, else what
// the tensors show, else pictures of 3 x 32 x 32, z of 128 (the size the
// published networks are counted with), no classes.
nlohmann::json facts_of(const Request& request, const std::map<std::string, at::Tensor>& tensors);

// Throws Error, naming file and tensor, for an input that the role does not take or whose
// shape or dtype cannot be right. `tensor_name` is what the file calls it.
void check_input(const TensorFile& file, const std::string& tensor_name, const std::string& input,
                 const at::Tensor& tensor, const nlohmann::json& facts);

}  // namespace saddle::worker
