#include "train/random.hpp"

#include <ATen/CPUGeneratorImpl.h>

#include "common/error.hpp"

namespace saddle::train {
namespace {

// Steele, Lea and Flood 2014.
uint64_t splitmix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace

uint64_t derive_seed(uint64_t trial_seed, std::string_view stream) {
  uint64_t hash = splitmix64(trial_seed ^ splitmix64(stream.size()));
  for (const char byte : stream) hash = splitmix64(hash ^ static_cast<unsigned char>(byte));
  return hash;
}

at::Generator make_generator(uint64_t trial_seed, std::string_view stream) {
  return at::detail::createCPUGenerator(derive_seed(trial_seed, stream));
}

void seed_default_generators(uint64_t trial_seed) { at::manual_seed(derive_seed(trial_seed, "default")); }

DefaultStream::DefaultStream(const at::Generator& stream) {
  at::Generator ours = at::globalContext().defaultGenerator(at::kCPU);
  before_ = generator_state(ours);
  const std::lock_guard<std::mutex> lock(ours.mutex());
  ours.set_current_seed(stream.current_seed());
}

DefaultStream::~DefaultStream() {
  at::Generator ours = at::globalContext().defaultGenerator(at::kCPU);
  set_generator_state(ours, before_);
}

at::Tensor generator_state(at::Generator& generator) {
  const std::lock_guard<std::mutex> lock(generator.mutex());
  return generator.get_state();
}

void set_generator_state(at::Generator& generator, const at::Tensor& state) {
  const std::lock_guard<std::mutex> lock(generator.mutex());
  try {
    generator.set_state(state.contiguous());
  } catch (const c10::Error& error) {
    throw Error(std::string("not the state of a random generator: ") + error.what_without_backtrace());
  }
}

}  // namespace saddle::train
