#pragma once
#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "train/schedule.hpp"
#include "train/spectra.hpp"

namespace saddle::train {

enum class OptimizerKind { adam, adamw, sgd, rmsprop };

// The formulas and the meaning of each field are torch.optim's. Fields a kind
// does not have are ignored by it.
struct OptimizerConfig {
  OptimizerKind kind = OptimizerKind::adam;
  double lr = 2e-4;
  double beta1 = 0.9, beta2 = 0.999;  // adam, adamw
  double eps = 1e-8;                  // all but sgd
  double weight_decay = 0;            // adamw: decoupled; the others: added to the gradient
  double momentum = 0;                // sgd, rmsprop
  double dampening = 0;               // sgd
  bool nesterov = false;              // sgd
  double alpha = 0.99;                // rmsprop
  bool centered = false;              // rmsprop
  double clip_norm = 0;               // of all gradients of the player together; 0 is off
  double clip_weights = 0;            // of each raw weight after a step; 0 is off
  SigmaClamp sigma_clamp;
  Schedule schedule;
};

// One entry of a resolved config's "optimizers". Throws Error for an unknown
// `use` or key, or a value of the wrong type.
OptimizerConfig optimizer_from_json(const nlohmann::json& json);

// Steps a fixed list of leaves with LibTorch's fused kernels (foreach for
// rmsprop). Its state is made of tensors with the leaves' strides and of one
// step counter.
class Optimizer {
 public:
  // `names` are those of the leaves, for state().
  Optimizer(const OptimizerConfig& config, std::vector<at::Tensor> leaves, std::vector<std::string> names);

  // One step. `gradients` must come from collect_gradients.
  void step(const std::vector<at::Tensor>& gradients, double lr);

  // Everything a checkpoint needs: "step" and KIND/LEAF ("exp_avg/conv.weight").
  // The tensors are the live ones.
  std::map<std::string, at::Tensor> state() const;
  // Copies values in, in place. Throws Error naming what is missing, unknown or
  // has another shape; then nothing has been changed.
  void load_state(const std::map<std::string, at::Tensor>& state);

  const OptimizerConfig& config() const { return config_; }
  const std::vector<at::Tensor>& leaves() const { return leaves_; }

 private:
  void step_adam(const std::vector<at::Tensor>& gradients, double lr);
  void step_sgd(const std::vector<at::Tensor>& gradients, double lr);
  void step_rmsprop(const std::vector<at::Tensor>& gradients, double lr);

  OptimizerConfig config_;
  std::vector<at::Tensor> leaves_;
  std::vector<std::string> names_;
  at::Tensor step_;  // 0-d, on the leaves' device: kernels read it there
  bool stepped_ = false;
  std::map<std::string, std::vector<at::Tensor>> moments_;  // by kind, one for each leaf
};

}  // namespace saddle::train
