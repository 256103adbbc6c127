#pragma once
#include <ATen/ATen.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <bridge/caller.hpp>
#include <bridge/loader.hpp>
#include <train/parameters.hpp>

// Instances of components, as the worker uses them: C structs on one side,
// tensors and exceptions on the other. Every function throws saddle::Error
// "KIND 'NAME': TEXT" when the component fails.
namespace saddle::worker {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

// Of a name in a list; undefined when absent.
at::Tensor find(const NamedTensors& list, std::string_view name);

// What create() declared.
struct Declared {
  std::vector<train::ParameterSpec> parameters;
  std::vector<train::BufferSpec> buffers;
  bool first_pass = false;  // of a model: it starts from data
};

// Owns an instance; `config` are the component's own parameters, of which those that are missing have their
// defaults; `facts` those of abi.h's saddle_builder.fact; `record` is what its records are kept under, the
// component's name unless given.
class Instance {
 public:
  Instance(const Component& component, const std::string& role, const nlohmann::json& config,
           const nlohmann::json& facts, const std::string& record = {});
  virtual ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  const Component& component() const { return component_; }
  const Declared& declared() const { return declared_; }

 protected:
  // Runs a function of the component's interface: throws when it fails, lets an exception out, or has
  // released tensors that it did not hold.
  template <class F>
  void call(const std::shared_ptr<const Caller>& caller, const char* function, F&& body) const;
  template <class F>
  void call(const char* function, F&& body) const {
    call(caller_, function, std::forward<F>(body));
  }
  const Component& component_;
  const nlohmann::json config_;  // with the defaults of parameters that it was not given
  std::shared_ptr<Holding> holding_;
  std::shared_ptr<const Caller> caller_;
  const std::string& who_;  // "KIND 'NAME'"
  Declared declared_;
  void* instance_ = nullptr;

 private:
  void check(saddle_status status, const char* function) const;
  void tell_leaks() const;
  mutable std::atomic<bool> told_{false};  // that it holds too many
};

class Model : public Instance {
 public:
  Model(const Component& component, const std::string& role, const nlohmann::json& config,
        const nlohmann::json& facts, const std::string& record = {});
  // Parameters and buffers in the order of declaration. Outputs must be among those the role lists.
  NamedTensors forward(std::span<const at::Tensor> parameters, std::span<const at::Tensor> buffers,
                       const NamedTensors& inputs, bool training) const;
  // The pass for which a model asks that starts from data; it calls `set` for what it gives new weights.
  using Set = std::function<void(std::size_t parameter, const at::Tensor& weight)>;
  void first_pass(std::span<const at::Tensor> parameters, std::span<const at::Tensor> buffers,
                  const NamedTensors& inputs, const Set& set) const;
  const std::vector<std::string>& inputs() const { return inputs_; }
  const std::vector<std::string>& outputs() const { return outputs_; }

 private:
  NamedTensors run(std::span<const at::Tensor> parameters, std::span<const at::Tensor> buffers,
                   const NamedTensors& inputs, bool training, const Set* set) const;
  std::vector<std::string> inputs_, outputs_;
};

class Transform : public Instance {
 public:
  Transform(const Component& component, const nlohmann::json& config, const nlohmann::json& facts,
            const std::string& record = {});
  // Its buffers as they are at first.
  std::vector<at::Tensor> first_buffers() const;
  // With all of its buffers; `real_logit` may be undefined.
  at::Tensor apply(const at::Tensor& image, std::span<const at::Tensor> buffers = {},
                   const at::Tensor& real_logit = {}) const;
};

// A parameter of a model, as a loss sees it.
struct ModelParameter {
  const train::ParameterSpec* spec;
  bool trained;            // in this update
  at::Tensor weight, raw;  // normalised, and as the optimiser moves it
};

// What a loss may ask of an update; the game implements it.
class StepSource {
 public:
  virtual ~StepSource() = default;
  virtual at::Tensor input(const std::string& name) = 0;  // undefined when there is none
  virtual at::Tensor output(const std::string& model, const std::string& sample, const std::string& name) = 0;
  virtual NamedTensors run(const std::string& model, const NamedTensors& inputs) = 0;
  // Nothing past the last one. Unless overridden there are no models.
  virtual std::optional<ModelParameter> model_parameter(const std::string& model, std::size_t index);
};

class Loss : public Instance {
 public:
  Loss(const Component& component, const nlohmann::json& config, const nlohmann::json& facts,
       const std::string& record = {})
      : Instance(component, "", config, facts, record) {}
  // Scalar terms by name, attached to the graph.
  NamedTensors compute(StepSource& source, const std::string& role, int64_t round,
                       std::span<const at::Tensor> parameters, std::span<const at::Tensor> buffers) const;
  bool speaks_to(const std::string& role) const;
  // With its own parameters put in.
  std::vector<std::string> needs(const std::string& role) const;
};

struct DatasetInfo {
  at::ScalarType dtype;
  std::vector<int64_t> shape;
  int64_t classes = 0;
  std::vector<std::pair<std::string, int64_t>> splits;
  std::string version;
  nlohmann::json facts;
  bool concurrent = false;
};

class Dataset : public Instance {
 public:
  Dataset(const Component& component, const nlohmann::json& config, const nlohmann::json& facts);
  const DatasetInfo& info() const { return info_; }
  uint32_t split(const std::string& name) const;  // throws for an unknown name, listing the known
  // Samples [n, ...] in their own dtype and labels [n] int64 (undefined without classes), in host memory.
  std::pair<at::Tensor, at::Tensor> read(uint32_t split, std::span<const int64_t> indices) const;

 private:
  DatasetInfo info_;
};

class Metric : public Instance {
 public:
  Metric(const Component& component, const nlohmann::json& config, const nlohmann::json& facts)
      : Instance(component, "", config, facts) {}
  void reference(const at::Tensor& features, const at::Tensor& labels) const;
  std::vector<std::pair<std::string, double>> measure(const at::Tensor& features,
                                                      const at::Tensor& labels) const;
};

}  // namespace saddle::worker
