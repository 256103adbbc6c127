#pragma once
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

// Where components' random numbers come from: operators draw from LibTorch's default generators, what
// components draw themselves (saddle.trial) comes from one of their own.
namespace saddle::worker {

// Seeds all of them with streams of the trial's seed.
void seed_components(uint64_t trial_seed);

// The components' own, on the CPU.
at::Generator& component_generator();

// States of all: the CPU's default generator, the components', and on a GPU that of the trial's device.
std::vector<at::Tensor> random_states();
void set_random_states(const std::vector<at::Tensor>& states);

// While it lives, all of them are others; afterwards they go on as before.
class OwnRandomness {
 public:
  explicit OwnRandomness(uint64_t seed);
  ~OwnRandomness();
  OwnRandomness(const OwnRandomness&) = delete;
  OwnRandomness& operator=(const OwnRandomness&) = delete;

 private:
  std::vector<at::Tensor> before_ = random_states();
};

}  // namespace saddle::worker
