#include <bridge/random.hpp>

#include <ATen/ATen.h>

#include <bridge/host.hpp>
#include <train/random.hpp>

namespace saddle::worker {
namespace {

std::vector<at::Generator> generators() {
  std::vector<at::Generator> all = {at::globalContext().defaultGenerator(at::kCPU), component_generator()};
  if (!trial_device().is_cpu()) all.push_back(at::globalContext().defaultGenerator(trial_device()));
  return all;
}

}  // namespace

void seed_components(uint64_t trial_seed) {
  train::seed_default_generators(trial_seed);
  component_generator() = train::make_generator(trial_seed, "components");
}

at::Generator& component_generator() {
  static at::Generator generator = train::make_generator(0, "components");
  return generator;
}

std::vector<at::Tensor> random_states() {
  std::vector<at::Tensor> states;
  for (at::Generator& generator : generators()) states.push_back(train::generator_state(generator));
  return states;
}

void set_random_states(const std::vector<at::Tensor>& states) {
  auto all = generators();
  for (size_t i = 0; i < all.size() && i < states.size(); ++i) train::set_generator_state(all[i], states[i]);
}

OwnRandomness::OwnRandomness(uint64_t seed) {
  for (at::Generator& generator : generators()) {
    const std::lock_guard<std::mutex> lock(generator.mutex());
    generator.set_current_seed(seed);
  }
}
OwnRandomness::~OwnRandomness() { set_random_states(before_); }

}  // namespace saddle::worker
