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

// While it lives, the default CPU generator draws a stream of its own: what a component draws when it is made
// does not depend on what was made before it.
class DefaultStream {
 public:
  // The stream of a generator as make_generator makes it; that generator itself is left as it is.
  explicit DefaultStream(const at::Generator& stream);
  ~DefaultStream();
  DefaultStream(const DefaultStream&) = delete;
  DefaultStream& operator=(const DefaultStream&) = delete;

 private:
  at::Tensor before_;
};

// A CPU generator's whole state as a uint8 tensor, for checkpoints.
at::Tensor generator_state(at::Generator& generator);
// Throws Error for a tensor that is not such a state.
void set_generator_state(at::Generator& generator, const at::Tensor& state);

}  // namespace saddle::train
