#pragma once
#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "train/init.hpp"
#include "train/spectral.hpp"

namespace saddle::train {

enum class Norm { none, spectral, weight };

// What a config's `norm` means: nullopt for "default" (the model's own choice).
// Throws Error for an unknown name.
std::optional<Norm> norm_from_name(std::string_view name);
std::string_view to_string(Norm norm);

struct ParameterSpec {
  std::string name;
  std::vector<int64_t> shape;
  Layout layout = Layout::other;
  Init init;
  Norm norm = Norm::none;
  // Defined: the tensor with which its owner computes, whatever else it is given. It is what is trained, or,
  // under a norm, holds the normalised weight. With InitKind::own its values are the initial ones.
  at::Tensor own = {};
};

struct BufferSpec {
  std::string name;
  std::vector<int64_t> shape;
  double value = 0;
  at::ScalarType dtype = at::kFloat;
  at::Tensor own = {};  // defined: this tensor, with its values, in place of a new one
};

struct ParameterOptions {
  std::optional<Init> init;  // the host's override, for weights (two or more dimensions)
  std::optional<Norm> norm;  // likewise, where the layout is known
  at::Device device = at::kCPU;
  at::ScalarType dtype = at::kFloat;
  bool channels_last = false;  // for 4-d weights
  double spectral_eps = 1e-12;
};

// One raw parameter and what its norm needs beside it.
struct Parameter {
  ParameterSpec spec;  // init and norm as they came to be, overrides applied
  at::Tensor raw;      // a leaf that requires grad, except in an average; spec.own itself without a norm
  at::Tensor g;        // weight norm: the length of each output's weights, also a leaf
  SingularVectors singular;  // spectral norm: persistent, not trained
};

// The parameters and buffers of one player (or of a loss that owns some).
// Tensors keep their address for life: everything that changes them writes in
// place. Move-only, since a copy would share them; `average()` makes a deep one.
//
// Tensors of somebody's own are moved to the device and memory format of the others in place.
//
// Everything is drawn on the CPU from `generator`, in the order of declaration,
// then moved: a seed gives the same weights on every device and in every memory
// format. Singular vectors are drawn after all weights, so that switching a norm
// on leaves the initial weights as they were.
class ParameterSet {
 public:
  ParameterSet() = default;
  // Throws Error for a name declared twice, a norm on a weight that has none
  // (fewer than two dimensions, or all zeros at the start), or an initialiser
  // that the shape does not allow.
  ParameterSet(std::vector<ParameterSpec> parameters, std::vector<BufferSpec> buffers,
               at::Generator generator, const ParameterOptions& options = {});
  ParameterSet(ParameterSet&&) = default;
  ParameterSet& operator=(ParameterSet&&) = default;

  std::vector<Parameter>& parameters() { return parameters_; }
  const std::vector<Parameter>& parameters() const { return parameters_; }
  // Position of a parameter; throws Error for an unknown name.
  std::size_t index(const std::string& name) const;

  const std::map<std::string, at::Tensor>& buffers() const { return buffers_; }
  at::Tensor& buffer(const std::string& name);  // throws Error for an unknown name

  // What an optimiser steps: every raw parameter, each followed by its g.
  std::vector<at::Tensor> leaves() const;
  std::vector<std::string> leaf_names() const;

  // Number of declared scalars: what papers count. Buffers, singular vectors
  // and the g of weight norm are not in it.
  int64_t count() const;

  // Every tensor by name, for checkpoints: parameters and buffers under their
  // own names, and NAME.g, NAME.u, NAME.v. The tensors are the live ones.
  std::map<std::string, at::Tensor> tensors() const;

  // Copies values in, in place. `exact`: the names must be those of tensors().
  // `weights`: a file of plain weights; every declared parameter must be there,
  // buffers may be, u and v are found anew and g is the length of the weights.
  // Throws Error naming the tensor that is missing, unknown or has another shape;
  // then nothing has been changed.
  enum class Load { exact, weights };
  void load(const std::map<std::string, at::Tensor>& tensors, Load mode = Load::exact);

  // Gives a parameter, by position, a weight: with weight norm, the normalised one. Throws Error under
  // spectral norm, whose weights all have the size 1.
  void set_weight(std::size_t index, const at::Tensor& weight);

  // A deep copy under the same names whose leaves do not require grad.
  ParameterSet average() const;

 private:
  std::vector<Parameter> parameters_;
  std::unordered_map<std::string, std::size_t> index_;
  std::map<std::string, at::Tensor> buffers_;
  double spectral_eps_ = 1e-12;
};

// Length of each output's weights, with the other dimensions kept at size 1.
at::Tensor output_lengths(const at::Tensor& weight, Layout layout);

}  // namespace saddle::train
