#include <game/augmentation.hpp>

#include <game/player.hpp>
#include <train/checkpoint.hpp>
#include <train/random.hpp>

namespace saddle::worker {

Augmentation::Augmentation(const Trial& trial, const nlohmann::json& facts) {
  const auto& list = trial.config.at("train").at("augment");
  std::map<std::string, int> seen;
  for (size_t i = 0; i < list.size(); ++i)
    placed("/train/augment/" + std::to_string(i), [&] {
      const std::string use = list[i].at("use").get<std::string>();
      const int n = ++seen[use];
      Entry entry;
      entry.name = n == 1 ? use : use + "#" + std::to_string(n);
      entry.transform = std::make_unique<Transform>(trial.component("transform", list[i]),
                                                    own_parameters("transform", list[i]), facts, entry.name);
      const Declared& declared = entry.transform->declared();
      entry.set =
          train::ParameterSet({}, declared.buffers,
                              train::make_generator(static_cast<uint64_t>(trial.seed), "init/" + entry.name),
                              {.device = trial_device()});
      entry.buffers = buffers_of(declared, entry.set);
      entries_.push_back(std::move(entry));
    });
}

at::Tensor Augmentation::apply(at::Tensor image) {
  for (size_t i = 0; i < entries_.size(); ++i)
    placed("/train/augment/" + std::to_string(i), [&] {
      Entry& entry = entries_[i];
      image = entry.transform->apply(image, entry.buffers, entry.logit);
      entry.logit = at::Tensor();
    });
  return image;
}

void Augmentation::tell(const at::Tensor& logit) {
  for (Entry& entry : entries_)
    if (!entry.buffers.empty()) entry.logit = logit.detach();
}

std::map<std::string, at::Tensor> Augmentation::state() const {
  std::map<std::string, at::Tensor> all;
  for (const Entry& entry : entries_) {
    train::add_prefixed(all, entry.name + "/buffers/", entry.set.tensors());
    if (entry.logit.defined()) all[entry.name + "/logit"] = entry.logit;
  }
  return all;
}

void Augmentation::load_state(const std::map<std::string, at::Tensor>& state) {
  for (Entry& entry : entries_) {
    entry.set.load(train::with_prefix(state, entry.name + "/buffers/"));
    const auto found = state.find(entry.name + "/logit");
    entry.logit = found == state.end() ? at::Tensor() : found->second.to(trial_device());
  }
}

}  // namespace saddle::worker
