#pragma once
#include <ATen/ATen.h>

#include <cstdint>
#include <string_view>

namespace saddle::train {

// The seed of a named stream of a trial ("init/generator", "data", "latent"):
// independent for every (seed, stream), the same on every machine. SplitMix64
// over the name, as the generators below use only its lower 32 bits on the CPU.
uint64_t derive_seed(uint64_t trial_seed, std::string_view stream);

// A new CPU generator for that stream.
at::Generator make_generator(uint64_t trial_seed, std::string_view stream);

// Seeds the default generators (dropout and whatever else asks for none).
void seed_default_generators(uint64_t trial_seed);

// A CPU generator's whole state as a uint8 tensor, for checkpoints.
at::Tensor generator_state(at::Generator& generator);
// Throws Error for a tensor that is not such a state.
void set_generator_state(at::Generator& generator, const at::Tensor& state);

}  // namespace saddle::train
