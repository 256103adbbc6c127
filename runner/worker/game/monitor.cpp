#include <game/monitor.hpp>

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <bridge/random.hpp>
#include <bridge/watch.hpp>
#include <train/checkpoint.hpp>
#include <train/random.hpp>

namespace saddle::worker {
namespace {

constexpr std::size_t kHistory = 20;  // values of a series that a new one is held against

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string text_of(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

}  // namespace

Monitor::Monitor(const Trial& trial, Game& game)
    : game_(game), every_(0), logits_(0), seed_(static_cast<uint64_t>(trial.seed)) {
  const auto& record = trial.config.at("record");
  if (!record.contains("monitor")) return;
  const auto& config = record.at("monitor");
  every_ = config.at("every").get<int64_t>();
  if (every_ == 0) return;
  if (const auto top = config.at("singular_values").get<int64_t>(); top > 0)
    for (const auto& [name, player] : game.players())
      if (player->update)
        spectra_.emplace_back(name, std::make_unique<train::Spectra>(player->model.set, top));
  logits_ = config.at("logits").get<int64_t>();
  const auto found = game.players().find("discriminator");
  if (found == game.players().end() || !contains(found->second->model.instance.outputs(), "logit"))
    logits_ = 0;
  if (logits_ == 0) return;
  train_ = game.data().take_selected(logits_);
  held_out_ = game.data().take_from("test", logits_);
}

void Monitor::look(Recorder& recorder, int64_t rounds) {
  if (every_ == 0 || rounds % every_ != 0) return;
  const at::NoGradGuard no_grad;
  const OwnRandomness own(train::derive_seed(seed_, "monitor"));
  singular_values(recorder, rounds);
  if (logits_ > 0) logits(recorder, rounds);
}

void Monitor::singular_values(Recorder& recorder, int64_t rounds) {
  for (const auto& [player, spectra] : spectra_) {
    // One copy from the device for all weights of a player.
    std::vector<at::Tensor> all;
    for (std::size_t i = 0; i < spectra->weights().size(); ++i) all.push_back(spectra->follow(i).s);
    if (all.empty()) continue;
    const at::Tensor row = at::cat(all).cpu().to(at::kDouble);
    const double* value = row.data_ptr<double>();
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::string name = player + "/sigma/" + spectra->weights()[i].name;
      for (int64_t k = 0; k < all[i].size(0); ++k)
        recorder.number(name + "/" + std::to_string(k), rounds, value[k]);
      if (const auto before = departs(name, value[0], /*upwards_only=*/true))
        warn_once(name, "the largest singular value of " + spectra->weights()[i].name + " of " + player +
                            " ran up to " + text_of(value[0]) + " in round " + std::to_string(rounds) +
                            ", from a median of " + text_of(*before));
      value += all[i].size(0);
    }
  }
}

double Monitor::mean_logit(const Batch& batch) {
  return game_.logits(batch).to(at::kDouble).mean().item<double>();
}

void Monitor::logits(Recorder& recorder, int64_t rounds) {
  const double real = mean_logit(train_);
  recorder.number("discriminator/logit/train", rounds, real);
  if (!game_.has_generator()) return;
  const double fake =
      mean_logit(game_.generate(logits_, train::make_generator(seed_, "monitor"), /*average=*/false));
  recorder.number("discriminator/logit/fake", rounds, fake);
  if (!held_out_.image.defined()) return;
  const double held_out = mean_logit(held_out_);
  recorder.number("discriminator/logit/held_out", rounds, held_out);
  if (real > fake && real - held_out > (real - fake) / 2)
    warn_once("memorising",
              "held-out real samples look to the discriminator more like fakes than like the "
              "training samples (mean logits " +
                  text_of(held_out) + ", " + text_of(fake) + " and " + text_of(real) + " in round " +
                  std::to_string(rounds) + "): it learns them by heart");
}

void Monitor::heard(double total, int64_t round) {
  if (every_ == 0) return;
  const std::string name = "discriminator/total";
  if (const auto before = departs(name, total, /*upwards_only=*/false))
    warn_once(name, "the discriminator's loss jumped to " + text_of(total) + " in round " +
                        std::to_string(round) + ", from a median of " + text_of(*before));
}

std::optional<double> Monitor::departs(const std::string& series, double value, bool upwards_only) {
  std::vector<double>& last = history_[series];
  std::optional<double> left;
  if (last.size() == kHistory) {
    const double middle = median(last);
    std::vector<double> distances;
    for (const double v : last) distances.push_back(std::abs(v - middle));
    // Ten standard deviations of a normal distribution with this median distance, or half the value itself
    // where hardly anything has moved.
    const double far = std::max(10 * 1.4826 * median(distances), std::abs(middle) / 2);
    if ((upwards_only ? value - middle : std::abs(value - middle)) > far) left = middle;
    last.erase(last.begin());
  }
  last.push_back(value);
  return left;
}

void Monitor::warn_once(const std::string& kind, const std::string& text) {
  if (warned_.insert(kind).second) warn("collapse: " + text);
}

std::map<std::string, at::Tensor> Monitor::state() const {
  std::map<std::string, at::Tensor> all;
  for (const auto& [player, spectra] : spectra_)
    train::add_prefixed(all, "sigma/" + player + "/", spectra->state());
  for (const auto& [series, values] : history_) all["history/" + series] = at::tensor(values, at::kDouble);
  return all;
}

void Monitor::load_state(const std::map<std::string, at::Tensor>& state) {
  for (const auto& [player, spectra] : spectra_)
    spectra->load_state(train::with_prefix(state, "sigma/" + player + "/"));
  for (const auto& [series, values] : train::with_prefix(state, "history/")) {
    const at::Tensor list = values.contiguous();
    history_[series].assign(list.data_ptr<double>(), list.data_ptr<double>() + list.numel());
  }
}

}  // namespace saddle::worker
