#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <bridge/instances.hpp>
#include <game/trial.hpp>
#include <train/random.hpp>
#include <train/update.hpp>

namespace saddle::worker {

// An instance of a component that declared tensors, with those tensors.
template <class T>
struct WithTensors {
  T instance;
  train::ParameterSet set;
  train::EffectiveWeights weights;

  template <class... Args>
  WithTensors(const train::ParameterOptions& options, const train::SpectralOptions& spectral,
              const at::Generator& generator, Args&&... args)
      : instance(make(generator, std::forward<Args>(args)...)),
        set(instance.declared().parameters, instance.declared().buffers, generator, options),
        weights(set, spectral) {}

 private:
  // A component that brings tensors of its own draws their values here.
  template <class... Args>
  static T make(const at::Generator& generator, Args&&... args) {
    const train::DefaultStream drawing(generator);
    return T(std::forward<Args>(args)...);
  }
};

// The tensors of `set` as a component's calls carry them: in the order of declaration.
std::vector<at::Tensor> weights_of(const Declared& declared, train::EffectiveWeights& weights,
                                   int64_t update);
std::vector<at::Tensor> buffers_of(const Declared& declared, train::ParameterSet& set);

// A model in the game, with its own optimiser if it is trained.
struct Player {
  Player(const Trial& trial, const std::string& name, const nlohmann::json& facts);

  // A pass with the live weights of this update, or with the averaged ones, which must be kept.
  NamedTensors forward(const NamedTensors& inputs, int64_t update, bool training, bool averaged = false);
  // The pass in which a model starts from data, for one that asks for it; averages start there, too.
  void first_pass(const NamedTensors& inputs, int64_t update);

  std::string name;
  bool frozen;  // it keeps the weights of a past trial, and computes as they were measured: in evaluation
  bool resting = false;  // these are not its rounds, and the game says that it then computes in evaluation
  WithTensors<Model> model;
  std::optional<train::Ema> average;
  std::optional<train::EffectiveWeights> average_weights;
  std::optional<train::OptimizerConfig> optimizer;
  std::unique_ptr<train::Update> update;  // null for a model that is not trained

 private:
  std::string unlabelled_;  // why there may be no labels; "" when there always are
};

train::SpectralOptions spectral_options(const nlohmann::json& train);
train::ParameterOptions parameter_options(const nlohmann::json& train);

}  // namespace saddle::worker
