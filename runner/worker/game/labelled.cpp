#include <game/labelled.hpp>

#include <algorithm>
#include <vector>

#include <bridge/host.hpp>
#include <common/error.hpp>
#include <train/random.hpp>

namespace saddle::worker {
namespace {

const auto kPlaces = at::TensorOptions().dtype(at::kLong);

std::span<const int64_t> span_of(const at::Tensor& places) {
  return {places.data_ptr<int64_t>(), static_cast<size_t>(places.numel())};
}

// Labels of the samples at these places, read piece by piece.
at::Tensor labels_at(const Dataset& dataset, uint32_t split, const at::Tensor& places) {
  constexpr int64_t kPiece = 4096;
  std::vector<at::Tensor> pieces;
  for (const at::Tensor& some : places.split(kPiece))
    pieces.push_back(dataset.read(split, span_of(some)).second);
  return at::cat(pieces);
}

// `count` of the places `among`.
at::Tensor balanced(const Dataset& dataset, uint32_t split, const at::Tensor& among, int64_t count,
                    at::Generator generator) {
  const int64_t classes = dataset.info().classes;
  if (classes < 1) throw Error("labelled: the data set has no labels");
  if (count % classes != 0)
    throw Error("labelled: " + std::to_string(count) + " are not equally many for each of " +
                std::to_string(classes) + " classes: choose a multiple of " + std::to_string(classes));
  const at::Tensor labels = labels_at(dataset, split, among);
  std::vector<at::Tensor> chosen;
  for (int64_t c = 0; c < classes; ++c) {
    const at::Tensor places = among.index_select(0, labels.eq(c).nonzero().flatten());
    if (places.numel() < count / classes)
      throw Error("labelled: " + std::to_string(count / classes) + " of each class are wanted, and class " +
                  std::to_string(c) + " has " + std::to_string(places.numel()) +
                  (among.numel() < dataset.info().splits[split].second ? " after dataset.select" : ""));
    chosen.push_back(places.index_select(0, at::randperm(places.numel(), generator, kPlaces))
                         .narrow(0, 0, count / classes));
  }
  return std::get<0>(at::cat(chosen).sort());
}

}  // namespace

std::string why_unlabelled(const nlohmann::json& dataset, int64_t classes) {
  if (classes < 1)
    return "the data set '" + dataset.value("use", "") +
           "' has no classes: take one that has, or do without labels here (models that can have a "
           "switch \"conditional\")";
  if (dataset.contains("labelled"))
    return "with dataset.labelled the sample 'labelled' has labels, 'real' has none: do without labels here "
           "(models that can have a switch \"conditional\"), or take dataset.labelled out";
  return "";
}

LabelledSource::LabelledSource(const Dataset& dataset, int64_t count, uint64_t subset_seed, int64_t batch,
                               uint64_t trial_seed, const at::Tensor& among)
    : dataset_(dataset),
      split_(dataset.split("train")),
      batch_(batch),
      generator_(train::make_generator(trial_seed, "labelled")),
      ahead_(at::empty({0}, kPlaces)) {
  places_ = among.defined() ? among : at::arange(dataset.info().splits[split_].second, kPlaces);
  if (count > 0)
    places_ = balanced(dataset, split_, places_, count, train::make_generator(subset_seed, "labels"));
}

Batch LabelledSource::next() {
  while (ahead_.numel() < batch_)
    ahead_ = at::cat({ahead_, places_.index_select(0, at::randperm(places_.numel(), generator_, kPlaces))});
  const at::Tensor here = ahead_.narrow(0, 0, batch_).contiguous();
  ahead_ = ahead_.narrow(0, batch_, ahead_.numel() - batch_).contiguous();
  const auto [samples, labels] = dataset_.read(split_, span_of(here));
  return {to_float(samples.to(trial_device())), labels.defined() ? labels.to(trial_device()) : labels};
}

std::map<std::string, at::Tensor> LabelledSource::state() {
  return {{"places", places_}, {"ahead", ahead_}, {"generator", train::generator_state(generator_)}};
}

void LabelledSource::load_state(const std::map<std::string, at::Tensor>& state) {
  places_ = state.at("places").clone();
  ahead_ = state.at("ahead").clone();
  train::set_generator_state(generator_, state.at("generator"));
}

}  // namespace saddle::worker
