// A model beside a network of tests/reference, whose tensors are NAME/what in a file.
#pragma once
#include <plugins/harness.hpp>

#include <ATen/Parallel.h>

#include <catch2/catch.hpp>

namespace saddle::test {

// Gives the model the network's parameters and buffers, all of them. What follows runs on one thread, as the
// scripts do, whatever OMP_NUM_THREADS says: the gradient of a bias is a sum over all places, and the more of
// them one thread adds in float32 the more it loses. Of biggan_64's picture.bias, 2,400.64 over 12,288 places
// in float64, one thread makes 2,400.53 here and in Python, two make 2,400.65: further apart than the 1e-5 to
// which the two are held.
inline void take_reference(const TestModel& model, const train::Safetensors& file, const std::string& name) {
  at::set_num_threads(1);
  size_t given = 0;
  for (const auto& [key, tensor] : file.tensors)
    given += key.starts_with(name + "/weight/") || key.starts_with(name + "/buffer/");
  REQUIRE(given == model.parameters.size() + model.buffers.size());
  const at::NoGradGuard no_grad;
  const auto& declared = model.model.declared();
  for (size_t i = 0; i < model.parameters.size(); ++i) {
    const at::Tensor weight = file.tensors.at(name + "/weight/" + declared.parameters[i].name);
    REQUIRE(weight.sizes() == model.parameters[i].sizes());
    model.parameters[i].copy_(weight);
  }
  for (size_t i = 0; i < model.buffers.size(); ++i)
    model.buffers[i].copy_(file.tensors.at(name + "/buffer/" + declared.buffers[i].name));
}

}  // namespace saddle::test
