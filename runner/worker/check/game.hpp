#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <check/fabricate.hpp>

namespace saddle::worker {

// A game that does not exist, as a loss sees one update of it: models that are smooth functions with a few
// weights, whatever they are called and asked for. It notes what it was asked. An output that is neither
// logit, features nor image has four numbers a sample, or is a map of the picture's size: only one of them
// fits some losses.
class FabricatedGame : public StepSource {
 public:
  // `role` is the player that is updated: gradients reach its weights alone. `marked` are the inputs by which
  // the loss may differentiate; `outputs` those of each model that anybody lists.
  FabricatedGame(const std::string& role, const Case& trial, at::ScalarType type,
                 const std::set<std::string>& marked,
                 const std::map<std::string, std::set<std::string>>& outputs, bool maps);

  // The next update: nothing is computed yet, the weights stay.
  void begin();
  at::Tensor input(const std::string& name) override;
  at::Tensor output(const std::string& model, const std::string& sample, const std::string& name) override;
  NamedTensors run(const std::string& model, const NamedTensors& inputs) override;
  std::optional<ModelParameter> model_parameter(const std::string& model, std::size_t index) override;

  // Weights of the updated player that something was computed with, by name.
  const std::map<std::string, at::Tensor>& trained() const { return trained_; }
  // The first thing that was handed out in this update and is no longer what it was; "" for none.
  std::string changed() const;

  std::set<std::string> outputs_used;  // "discriminator.logit"; "discriminator.*" for a model that it runs
  std::set<std::string> inputs_used;   // "real.image"

 private:
  at::Tensor weight(const std::string& model, const std::string& name, std::vector<int64_t> shape);
  at::Tensor compute(const std::string& model, const std::string& name, const NamedTensors& inputs);
  const at::Tensor& lend(const std::string& name, const at::Tensor& tensor);
  at::Tensor find_input(const std::string& name);
  NamedTensors inputs_of(const std::string& model, const std::string& sample);

  std::string role_;
  Case trial_;
  at::ScalarType type_;
  bool maps_;
  std::set<std::string> marked_;
  std::map<std::string, std::set<std::string>> listed_;
  std::map<std::string, at::Tensor> weights_, trained_;
  std::map<std::string, train::ParameterSpec> specs_;
  std::map<std::string, at::Tensor> inputs_, outputs_;
  std::map<std::string, std::pair<at::Tensor, at::Tensor>> lent_;  // a tensor, and a copy of then
};

}  // namespace saddle::worker
