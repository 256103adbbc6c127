#include <game/measure.hpp>

#include <ATen/core/grad_mode.h>

#include <bridge/random.hpp>
#include <bridge/watch.hpp>
#include <common/better.hpp>
#include <image/sheet.hpp>
#include <train/random.hpp>

namespace saddle::worker {
namespace {

constexpr int64_t kMostReal = 50000;

// The split with which training has nothing to do; "" when there is none.
std::string held_out_split(const DatasetInfo& info) {
  for (const char* split : {"validation", "val", "valid", "test"})
    for (const auto& [name, size] : info.splits)
      if (name == split && size >= 2) return name;
  return "";
}

// The protocol of one of a metric's values.
nlohmann::json protocol_of(nlohmann::json protocol, const std::set<std::string>& higher,
                           const std::string& name) {
  if (higher.contains(name)) protocol["better"] = "higher";
  return protocol;
}

}  // namespace

at::Tensor quantised(const at::Tensor& images, at::ScalarType dtype) {
  if (dtype != at::kByte) return images;
  const at::Tensor bytes = to_float(to_uint8(images)), finite = at::isfinite(images);
  // A byte cannot say that there was no number, and a metric has to know.
  return finite.all().item<bool>() ? bytes : bytes.masked_fill(finite.logical_not(), NAN);
}

Measuring::Measuring(const Trial& trial, Game& game) : trial_(trial), game_(game) {
  const auto& list = trial.config.at("metrics");
  if (list.empty()) return;
  if (!game.has_generator()) {
    held_out_ = held_out_split(game.dataset().info());
    if (held_out_.empty())
      throw PlacedError("/metrics",
                        "there is no generator to measure, and the data set has no split called validation, "
                        "val, valid or test on which another model could be measured");
  }
  for (size_t i = 0; i < list.size(); ++i)
    placed("/metrics/" + std::to_string(i), [&] {
      const auto& c = list[i];
      const Component& component = trial.component("metric", c);
      Entry e;
      e.name = c.at("use");
      const nlohmann::json& features = c.at("features");
      if (features.is_object()) {
        e.extractor = extractor(features);
        e.features = features.at("output");
        e.extractor->want(e.features);
      } else {
        e.features = features;
      }
      e.every = c.at("every");
      e.samples = c.at("samples");
      e.sampling = Sampling::from_json(c);
      e.sampling.average = c.value("weights", "raw") == "ema";
      check_truncation(trial.config.at("train").at("latent"), e.sampling.truncation);
      e.split = c.value("split", "train");
      e.selected = c.value("selected", false);
      e.averaged = c.value("features_weights", "raw") == "ema";
      if (e.selected && !Selection::wanted(trial))
        throw PlacedError("/metrics/" + std::to_string(i) + "/selected",
                          "the data set selects nothing: there is no dataset.select");
      // Against all real samples, unless told otherwise: the same protocol as without a selection.
      nlohmann::json dataset = trial.config.at("dataset");
      if (!e.selected) dataset.erase("select");
      for (const char* key : {"labelled", "labelled_seed"}) dataset.erase(key);  // of losses alone
      const auto own = own_parameters("metric", c);
      e.metric = std::make_unique<Metric>(component, own, game.facts());
      for (const auto& value : component.description.value("higher", nlohmann::json::array()))
        if (!known_as_higher(value.get<std::string>())) e.higher.insert(value);
      const auto& info = game.dataset().info();
      e.protocol = {{"metric", e.name + "@" + component.description.at("version").get<std::string>()},
                    {"parameters", own},
                    {"features", features},
                    {"dataset", dataset},
                    {"dataset_version", info.version},
                    {"split", e.selected ? "train, selected" : e.split},
                    {"real", real(e.split, e.selected).image.size(0)},
                    {"fake", e.samples},
                    {"resize", e.extractor ? e.extractor->resize() : "none"},
                    {"quantised", info.dtype == at::kByte ? "uint8" : "no"},
                    {"latents", "a stream of the trial's seed, the same at every step"}};
      if (e.extractor) {
        e.protocol["features"] = e.extractor->protocol();
        e.protocol["features"]["output"] = e.features;
      }
      if (e.averaged) e.protocol["features_weights"] = "ema";
      e.sampling.describe(e.protocol);
      if (!held_out_.empty()) {
        for (const char* generated : {"latents", "truncation", "batch_norm"}) e.protocol.erase(generated);
        e.protocol["measured"] = held_out_;
        e.protocol["fake"] = real(held_out_).image.size(0);
        e.protocol["weights"] = "raw";
      }
      entries_.push_back(std::move(e));
    });
}

const Batch& Measuring::real(const std::string& split, bool selected) {
  const auto [place, added] = real_.try_emplace({split, selected});
  if (!added) return place->second;
  try {
    game_.dataset().split(split);  // throws for an unknown name
    place->second = selected           ? game_.data().take_selected(kMostReal)
                    : split == "train" ? game_.data().take(kMostReal)
                                       : game_.data().take_from(split, kMostReal);
    if (!place->second.image.defined()) throw Error("the split \"" + split + "\" is empty");
  } catch (...) {
    real_.erase(place);
    throw;
  }
  return place->second;
}

std::shared_ptr<Extractor> Measuring::extractor(const nlohmann::json& entry) {
  std::shared_ptr<Extractor>& known = extractors_[Extractor::key(entry)];
  if (!known) known = std::make_shared<Extractor>(trial_, entry, game_.dataset().info());
  return known;
}

at::Tensor Measuring::features(const Entry& entry, const Batch& set, bool real) {
  if (entry.extractor) return entry.extractor->features(set.image, entry.features, real);
  const at::Tensor seen = quantised(set.image, game_.dataset().info().dtype);
  const at::Tensor labels = set.label.defined() ? set.label.to(seen.device()) : at::Tensor();
  const at::Tensor rows = entry.features == "pixels"
                              ? seen.reshape({seen.size(0), -1})
                              : game_.features(entry.features, seen, labels, entry.averaged);
  return rows.to(at::kCPU, at::kFloat).contiguous();
}

void Measuring::reference(Entry& entry) {
  // Features of a model that learns change from one measurement to the next.
  if (entry.referenced && (frozen_ || entry.extractor || entry.features == "pixels")) return;
  const Batch& set = real(entry.split, entry.selected);
  entry.metric->reference(features(entry, set, true), set.label.defined() ? set.label.cpu() : set.label);
  entry.referenced = true;
}

void Measuring::report(const Tell& tell, Entry& entry, const Batch& fake) {
  const at::Tensor labels = fake.label.defined() ? fake.label.cpu() : at::Tensor();
  for (const auto& [name, value] : entry.metric->measure(features(entry, fake), labels)) {
    entry.given.insert(name);
    tell(name, value, protocol_of(entry.protocol, entry.higher, name));
  }
}

void Measuring::check_higher(const Entry& entry) {
  for (const std::string& name : entry.higher)
    if (!entry.given.contains(name))
      if (const std::string meant = meant_as_higher(name, entry.higher, entry.given); !meant.empty())
        warn("metric '" + entry.name + "' lists \"" + name +
             "\" in \"higher\", and gives no number of that name; if \"" + meant +
             "\" is meant, of which less now counts as better, correct its description");
}

void Measuring::floor(Recorder& recorder, Entry& entry) {
  const Batch& all = real(entry.split, entry.selected);
  const int64_t half = all.image.size(0) / 2;
  if (half < 2) return;
  const at::Tensor rows = features(entry, all, true);
  // Alternating, since sets are often sorted.
  const auto part = [&](const at::Tensor& t, int64_t first) {
    return t.defined() ? t.slice(0, first, 2 * half, 2).cpu().contiguous() : t;
  };
  entry.metric->reference(part(rows, 0), part(all.label, 0));
  // Distances depend on how many samples there are, so this number must not pass for one of all of them.
  nlohmann::json protocol = entry.protocol;
  protocol["real"] = protocol["fake"] = half;
  for (const auto& [name, value] : entry.metric->measure(part(rows, 1), part(all.label, 1)))
    recorder.number(name + "/floor", 0, value, protocol_of(protocol, entry.higher, name));
  entry.referenced = false;
}

void Measuring::report(Recorder& recorder, Entry& entry, const Batch& fake, int64_t step,
                       const std::string& suffix) {
  report([&](const std::string& name, double value,
             const nlohmann::json& protocol) { recorder.number(name + suffix, step, value, protocol); },
         entry, fake);
}

const Batch& Measuring::drawn(const Entry& entry) {
  if (!held_out_.empty()) return real(held_out_);
  const auto seed = static_cast<uint64_t>(trial_.seed);
  nlohmann::json as = {{"samples", entry.samples}};
  entry.sampling.describe(as);
  if (!drawn_.image.defined() || drawn_as_ != as.dump()) {
    drawn_ = {};
    drawn_ = Sampler(game_, entry.sampling, seed).draw(entry.samples, train::make_generator(seed, "measure"));
    drawn_as_ = as.dump();
  }
  return drawn_;
}

void Measuring::baselines(Recorder& recorder) {
  const at::NoGradGuard no_grad;
  const auto seed = static_cast<uint64_t>(trial_.seed);
  const OwnRandomness own(train::derive_seed(seed, "baselines"));
  for (size_t i = 0; i < entries_.size(); ++i)
    placed("/metrics/" + std::to_string(i), [&] {
      Entry& entry = entries_[i];
      if (!held_out_.empty()) {
        reference(entry);
        report(recorder, entry, drawn(entry), 0, "/untrained");
        return check_higher(entry);
      }
      const Batch& all = real(entry.split, entry.selected);
      floor(recorder, entry);
      reference(entry);
      std::vector<int64_t> shape = all.image.sizes().vec();
      shape[0] = entry.samples;
      at::Generator generator = train::make_generator(seed, "noise");
      // Uniform over the range of the real samples.
      const double low = all.image.min().item<double>(), high = all.image.max().item<double>();
      const at::Tensor noise = at::empty(shape).uniform_(low, high, generator).to(trial_device());
      at::Tensor labels;
      if (all.label.defined())
        labels = at::randint(game_.dataset().info().classes, {entry.samples}, generator,
                             at::TensorOptions().dtype(at::kLong));
      report(recorder, entry, {noise, labels}, 0, "/noise");
      Sampling untrained = entry.sampling;
      untrained.average = false;
      report(recorder, entry,
             Sampler(game_, untrained, seed).draw(entry.samples, train::make_generator(seed, "measure")), 0,
             "/untrained");
      check_higher(entry);
    });
}

void Measuring::measure(Recorder& recorder, int64_t rounds, bool last) {
  const at::NoGradGuard no_grad;
  const auto seed = static_cast<uint64_t>(trial_.seed);
  const OwnRandomness own(train::derive_seed(seed, "measuring"));
  drawn_ = {};
  for (size_t i = 0; i < entries_.size(); ++i) {
    Entry& entry = entries_[i];
    if (!last && (entry.every == 0 || rounds % entry.every != 0)) continue;
    placed("/metrics/" + std::to_string(i), [&] {
      reference(entry);
      report(recorder, entry, drawn(entry), rounds, "");
    });
  }
  drawn_ = {};
}

void Measuring::evaluate(std::optional<double> truncation, const Tell& tell) {
  const at::NoGradGuard no_grad;
  const OwnRandomness own(train::derive_seed(static_cast<uint64_t>(trial_.seed), "measuring"));
  frozen_ = true;
  for (size_t i = 0; i < entries_.size(); ++i)
    placed("/metrics/" + std::to_string(i), [&] {
      Entry& entry = entries_[i];
      if (truncation) {
        check_truncation(trial_.config.at("train").at("latent"), *truncation);
        entry.sampling.truncation = *truncation;
        entry.sampling.describe(entry.protocol);
      }
      reference(entry);
      report(tell, entry, drawn(entry));
    });
  drawn_ = {};
}

void Measuring::say_seed(int64_t seed) {
  for (Entry& entry : entries_) entry.protocol["latents"] = "a stream of seed " + std::to_string(seed);
}

Measuring::HeldOut Measuring::held_out() {
  const at::NoGradGuard no_grad;
  const OwnRandomness own(train::derive_seed(static_cast<uint64_t>(trial_.seed), "measuring"));
  frozen_ = true;
  HeldOut held_out;
  held_out.split = held_out_split(game_.dataset().info());
  if (held_out.split.empty()) return held_out;
  for (size_t i = 0; i < entries_.size(); ++i)
    placed("/metrics/" + std::to_string(i), [&] {
      Entry& entry = entries_[i];
      reference(entry);
      const Batch real = game_.data().take_from(held_out.split, entry.samples);
      held_out.samples = real.image.size(0);
      report([&](const std::string& name, double value,
                 const nlohmann::json&) { held_out.numbers.emplace(name, value); },
             entry, real);
    });
  return held_out;
}

}  // namespace saddle::worker
