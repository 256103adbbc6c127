#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <commands/network.hpp>

namespace saddle::worker {

// One update as a loss sees it, made of a file's tensors: samples "real.image",
// outputs "discriminator.real.logit". What the file lacks is computed by a
// network, if one was given and the file has its inputs.
class LossStep : public StepSource {
 public:
  // Floating-point tensors are cast to `dtype`. Throws Error for tensors whose
  // names or shapes cannot be right.
  LossStep(const TensorFile& file, const nlohmann::json& facts, const std::string& role,
           at::ScalarType dtype);

  void add(const std::string& model, std::unique_ptr<Network> network);
  // Makes the tensors that the loss needs gradients of, and those named, require
  // grad. To be called once, before the loss computes.
  void prepare(const Loss& loss, const std::vector<std::string>& gradient_names);

  at::Tensor input(const std::string& name) override;
  at::Tensor output(const std::string& model, const std::string& sample, const std::string& name) override;
  NamedTensors run(const std::string& model, const NamedTensors& inputs) override;
  std::optional<ModelParameter> model_parameter(const std::string& model, std::size_t index) override;

  // A tensor of the file or an output that was computed. Throws Error when it is neither.
  at::Tensor known(const std::string& name) const;
  // By parameter, with respect to the raw ones: through spectral or weight norm, u and v held fixed.
  std::map<std::string, at::Tensor> parameter_gradients(const at::Tensor& total,
                                                        const std::string& model) const;

 private:
  at::Tensor input_if_there(const std::string& sample, const std::string& name);
  Network& network(const std::string& model, const std::string& why);
  void compute(const std::string& model, const std::string& sample, const std::string& wanted);

  const TensorFile& file_;
  nlohmann::json facts_;
  std::string role_;
  std::map<std::string, at::Tensor> tensors_;   // of the file, in the right dtype
  std::map<std::string, at::Tensor> computed_;  // "discriminator.real.logit"
  std::vector<std::string> wanted_;             // whose gradient is asked for
  std::map<std::string, std::unique_ptr<Network>> networks_;
};

}  // namespace saddle::worker
