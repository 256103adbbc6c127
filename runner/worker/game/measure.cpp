#include <game/measure.hpp>

#include <ATen/core/grad_mode.h>

#include <bridge/random.hpp>
#include <image/sheet.hpp>
#include <train/random.hpp>

namespace saddle::worker {
namespace {

constexpr int64_t kMostReal = 50000;

}  // namespace

at::Tensor quantised(const at::Tensor& images, at::ScalarType dtype) {
  if (dtype != at::kByte) return images;
  return to_float(to_uint8(images));
}

Measuring::Measuring(const Trial& trial, Game& game) : trial_(trial), game_(game) {
  const auto& list = trial.config.at("metrics");
  if (list.empty()) return;
  if (!game.has_generator()) throw PlacedError("/metrics", "metrics measure a generator, and there is none");
  real_ = game.data().take(kMostReal);
  for (size_t i = 0; i < list.size(); ++i)
    placed("/metrics/" + std::to_string(i), [&] {
      const auto& c = list[i];
      const Component& component = trial.component("metric", c);
      Entry e;
      e.name = c.at("use");
      e.features = c.at("features");
      e.every = c.at("every");
      e.samples = c.at("samples");
      e.average = c.value("weights", "raw") == "ema";
      const auto own = own_parameters("metric", c);
      e.metric = std::make_unique<Metric>(component, own, game.facts());
      const auto& info = game.dataset().info();
      e.protocol = {{"metric", e.name + "@" + component.description.at("version").get<std::string>()},
                    {"parameters", own},
                    {"features", e.features},
                    {"dataset", trial.config.at("dataset")},
                    {"dataset_version", info.version},
                    {"split", "train"},
                    {"real", real_.image.size(0)},
                    {"fake", e.samples},
                    {"resize", "none"},
                    {"quantised", info.dtype == at::kByte ? "uint8" : "no"},
                    {"weights", e.average ? "ema" : "raw"},
                    {"batch_norm", "running"},
                    {"truncation", nullptr},
                    {"latents", "a stream of the trial's seed, the same at every step"}};
      entries_.push_back(std::move(e));
    });
}

at::Tensor Measuring::features(const Entry& entry, const at::Tensor& images) {
  const at::Tensor seen = quantised(images, game_.dataset().info().dtype);
  const at::Tensor rows =
      entry.features == "pixels" ? seen.reshape({seen.size(0), -1}) : game_.features(entry.features, seen);
  return rows.to(at::kCPU, at::kFloat).contiguous();
}

void Measuring::reference(Entry& entry) {
  // Features of a model that learns change from one measurement to the next.
  if (entry.referenced && entry.features == "pixels") return;
  const at::Tensor labels = real_.label.defined() ? real_.label.cpu() : at::Tensor();
  entry.metric->reference(features(entry, real_.image), labels);
  entry.referenced = true;
}

void Measuring::report(Recorder& recorder, const Entry& entry, const Batch& fake, int64_t step,
                       const std::string& suffix) {
  const at::Tensor labels = fake.label.defined() ? fake.label.cpu() : at::Tensor();
  for (const auto& [name, value] : entry.metric->measure(features(entry, fake.image), labels))
    recorder.number(name + suffix, step, value, entry.protocol);
}

void Measuring::baselines(Recorder& recorder) {
  const at::NoGradGuard no_grad;
  const auto seed = static_cast<uint64_t>(trial_.seed);
  const OwnRandomness own(train::derive_seed(seed, "baselines"));
  for (size_t i = 0; i < entries_.size(); ++i)
    placed("/metrics/" + std::to_string(i), [&] {
      Entry& entry = entries_[i];
      // Half of the real samples against the other half, alternating, since sets are often sorted.
      const int64_t half = real_.image.size(0) / 2;
      if (half >= 2) {
        const auto part = [&](const at::Tensor& t, int64_t first) {
          return t.defined() ? t.slice(0, first, 2 * half, 2) : t;
        };
        const at::Tensor labels = part(real_.label, 0);
        entry.metric->reference(features(entry, part(real_.image, 0)),
                                labels.defined() ? labels.cpu() : labels);
        report(recorder, entry, {part(real_.image, 1), part(real_.label, 1)}, 0, "/floor");
        entry.referenced = false;
      }
      reference(entry);
      std::vector<int64_t> shape = real_.image.sizes().vec();
      shape[0] = entry.samples;
      at::Generator generator = train::make_generator(seed, "noise");
      // Uniform over the range of the real samples.
      const double low = real_.image.min().item<double>(), high = real_.image.max().item<double>();
      const at::Tensor noise = at::empty(shape).uniform_(low, high, generator).to(trial_device());
      at::Tensor labels;
      if (real_.label.defined())
        labels = at::randint(game_.dataset().info().classes, {entry.samples}, generator,
                             at::TensorOptions().dtype(at::kLong));
      report(recorder, entry, {noise, labels}, 0, "/noise");
      report(recorder, entry, game_.generate(entry.samples, train::make_generator(seed, "measure"), false), 0,
             "/untrained");
    });
}

void Measuring::measure(Recorder& recorder, int64_t rounds, bool last) {
  const at::NoGradGuard no_grad;
  const auto seed = static_cast<uint64_t>(trial_.seed);
  const OwnRandomness own(train::derive_seed(seed, "measuring"));
  for (size_t i = 0; i < entries_.size(); ++i) {
    Entry& entry = entries_[i];
    if (!last && (entry.every == 0 || rounds % entry.every != 0)) continue;
    placed("/metrics/" + std::to_string(i), [&] {
      reference(entry);
      report(recorder, entry,
             game_.generate(entry.samples, train::make_generator(seed, "measure"), entry.average), rounds,
             "");
    });
  }
}

}  // namespace saddle::worker
