// A model beside a network of tests/reference, whose tensors are NAME/what in a file.
#pragma once
#include <plugins/harness.hpp>

#include <catch2/catch.hpp>

namespace saddle::test {

// Gives the model the network's parameters and buffers, all of them.
inline void take_reference(const TestModel& model, const train::Safetensors& file, const std::string& name) {
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
