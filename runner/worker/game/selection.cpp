#include <game/selection.hpp>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>

#include <bridge/random.hpp>
#include <common/paths.hpp>
#include <common/sha256.hpp>
#include <game/cache.hpp>
#include <game/data.hpp>
#include <game/density.hpp>
#include <game/extractor.hpp>
#include <game/measure.hpp>
#include <train/safetensors.hpp>

namespace saddle::worker {
namespace {

constexpr const char* kPlace = "/dataset/select";
constexpr int64_t kBatch = 256;   // samples that are read at once
constexpr int64_t kTold = 10000;  // samples between lines in the log

std::span<const int64_t> span_of(const at::Tensor& places) {
  return {places.data_ptr<int64_t>(), static_cast<std::size_t>(places.numel())};
}

}  // namespace

bool Selection::wanted(const Trial& trial) { return trial.config.at("dataset").contains("select"); }

Selection::Selection(const Trial& trial, const Dataset& dataset)
    : trial_(trial),
      dataset_(dataset),
      select_(trial.config.at("dataset").at("select")),
      split_(dataset.split("train")),
      size_(dataset.info().splits[split_].second),
      by_class_(select_.at("per_class").get<bool>() && dataset.info().classes > 0) {}

int64_t Selection::share(int64_t label, int64_t size) const {
  const auto keep = select_.at("keep").get<double>();
  const int64_t kept = std::llround(keep * static_cast<double>(size));
  if (kept > 0) return kept;
  throw PlacedError(std::string(kPlace) + "/keep",
                    "keep " + select_.at("keep").dump() + " leaves nothing of the " + std::to_string(size) +
                        " samples of " + (label < 0 ? "the set" : "class " + std::to_string(label)) +
                        "; raise it" + (label < 0 ? "" : ", or set \"per_class\" to false"));
}

std::vector<std::pair<int64_t, at::Tensor>> Selection::groups(const at::Tensor& labels) const {
  if (!by_class_ || !labels.defined()) return {{-1, at::arange(size_, at::kLong)}};
  std::vector<std::pair<int64_t, at::Tensor>> all;
  const at::Tensor here = labels.cpu();
  for (int64_t label = 0; label < dataset_.info().classes; ++label)
    if (const at::Tensor places = here.eq(label).nonzero().flatten().contiguous(); places.numel() > 0)
      all.emplace_back(label, places);
  return all;
}

at::Tensor Selection::read_labels() const {
  std::vector<at::Tensor> parts;
  const at::Tensor all = at::arange(size_, at::kLong);
  for (const at::Tensor& places : all.split(kBatch))
    parts.push_back(dataset_.read(split_, span_of(places)).second);
  return at::cat(parts);
}

at::Tensor Selection::features(const at::Tensor& places) const {
  const nlohmann::json& features = select_.at("features");
  std::unique_ptr<Extractor> extractor;
  if (features.is_object()) extractor = std::make_unique<Extractor>(trial_, features, dataset_.info());
  std::vector<at::Tensor> parts;
  for (const at::Tensor& some : places.split(kBatch)) {
    const at::Tensor samples = to_float(dataset_.read(split_, span_of(some)).first.to(trial_device()));
    parts.push_back(extractor ? extractor->features(samples, features.at("output").get<std::string>())
                              : samples.flatten(1).to(at::kCPU, at::kFloat));
  }
  return at::cat(parts);
}

at::Tensor Selection::score(const at::Tensor& rows) const {
  const auto score = select_.at("score").get<std::string>();
  if (score == "ppca") return ppca_density(rows, select_.at("variance").get<double>());
  if (score == "knn") return neighbour_density(rows, select_.at("neighbours").get<int64_t>());
  return gaussian_density(rows, select_.at("regularisation").get<double>());
}

std::string Selection::key() const {
  nlohmann::json select = select_;
  select.erase("keep");
  if (select.at("features").is_object()) {
    nlohmann::json& features = select["features"];
    features["version"] = trial_.component("model", features).description.at("version");
    if (features.contains("sha256")) features.erase("weights");
    features.erase("trained");
  }
  const Component& component = trial_.component("dataset", trial_.config.at("dataset"));
  const nlohmann::json all = {{"dataset", own_parameters("dataset", trial_.config.at("dataset"))},
                              {"use", component.name},
                              {"component", component.description.at("version")},
                              {"version", dataset_.info().version},
                              {"size", size_},
                              {"select", select}};
  return sha256(all.dump());
}

Selection::Scored Selection::compute() const {
  const at::NoGradGuard no_grad;
  const OwnRandomness own(0);
  Scored result{at::empty({size_}, at::kDouble), by_class_ ? read_labels() : at::Tensor()};
  int64_t done = 0, told = 0;
  for (const auto& [label, places] : groups(result.labels)) {
    share(label, places.numel());  // throws before anything costly
    const at::Tensor found = placed(kPlace, [&, &l = label, &p = places] {
      try {
        return score(features(p));
      } catch (const std::exception& e) {
        if (l < 0) throw;
        throw Error("class " + std::to_string(l) + ": " + e.what());
      }
    });
    if (!found.isfinite().all().item<bool>())
      throw PlacedError(kPlace, "a score is not finite; are the features?");
    result.scores.index_copy_(0, places, found);
    done += places.numel();
    if (done - told >= kTold || done == size_) {
      std::printf("select: scored %lld of %lld samples\n", static_cast<long long>(done),
                  static_cast<long long>(size_));
      std::fflush(stdout);
      told = done;
    }
  }
  return result;
}

Selection::Scored Selection::scored() const {
  // Without a version nobody could tell that the data has changed.
  const std::filesystem::path cache = cache_folder();
  if (cache.empty() || dataset_.info().version.empty()) return compute();
  const std::filesystem::path file = cache / "selections" / (key() + ".safetensors");
  const auto known = [&]() -> std::optional<Scored> {
    std::error_code error;
    if (!std::filesystem::exists(file, error)) return {};
    try {
      const train::SafetensorsFile kept(file);
      Scored found{kept.read("scores"), by_class_ ? kept.read("labels") : at::Tensor()};
      if (found.scores.numel() == size_ && (!by_class_ || found.labels.numel() == size_)) return found;
    } catch (const Error&) {
      // A damaged file is made anew.
    }
    return {};
  };
  if (auto found = known()) return *std::move(found);
  std::error_code error;
  std::filesystem::create_directories(file.parent_path(), error);
  // One trial scores, the others that begin with it wait: it may take hours.
  const CacheLock lock(cache / ("lock-selections-" + file.filename().string().substr(0, 1)));
  if (auto found = known()) return *std::move(found);
  Scored result = compute();
  try {
    std::map<std::string, at::Tensor> tensors = {{"scores", result.scores}};
    if (by_class_) tensors["labels"] = result.labels;
    write_cached(file, tensors);
  } catch (const std::exception& e) {
    std::printf("select: the scores are not kept for the next trial: %s\n", e.what());
  }
  return result;
}

at::Tensor Selection::kept() const {
  const auto [scores, labels] = scored();
  std::vector<at::Tensor> parts;
  for (const auto& [label, places] : groups(labels)) {
    // Of equal scores the earlier samples stay.
    const at::Tensor order = scores.index_select(0, places).argsort(/*stable=*/true, 0, /*descending=*/true);
    parts.push_back(places.index_select(0, order.slice(0, 0, share(label, places.numel()))));
  }
  return std::get<0>(at::cat(parts).sort());
}

Selection::Prospect Selection::prospect(const at::Tensor& labels) const {
  Prospect found{0, size_, !by_class_ || labels.defined()};
  const auto labelled = trial_.config.at("dataset").value("labelled", int64_t{0});
  for (const auto& [label, places] : groups(labels)) {
    const int64_t left = share(label, places.numel());
    found.kept += left;
    if (label >= 0 && left * dataset_.info().classes < labelled)
      throw PlacedError("/dataset/labelled", std::to_string(labelled) + " labelled samples are " +
                                                 std::to_string(labelled / dataset_.info().classes) +
                                                 " of each class, and of class " + std::to_string(label) +
                                                 " dataset.select leaves " + std::to_string(left) +
                                                 "; raise its \"keep\", or lower this");
  }
  const auto batch = trial_.config.at("train").at("batch").get<int64_t>();
  if (found.kept < batch)
    throw PlacedError(std::string(kPlace) + "/keep",
                      "keep " + select_.at("keep").dump() + " leaves " + std::to_string(found.kept) + " of " +
                          std::to_string(size_) + " samples, fewer than a batch of " + std::to_string(batch) +
                          "; raise it, or lower train.batch");
  const at::NoGradGuard no_grad;
  const OwnRandomness own(0);
  placed(kPlace, [&] { features(at::arange(std::min<int64_t>(2, size_), at::kLong)); });
  return found;
}

}  // namespace saddle::worker
