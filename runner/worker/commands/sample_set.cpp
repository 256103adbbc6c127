#include <commands/sample_set.hpp>

#include <common/error.hpp>
#include <game/data.hpp>
#include <game/trial.hpp>
#include <image/sheet.hpp>
#include <train/random.hpp>

namespace saddle::worker {
namespace {

at::Tensor rows(const at::Tensor& tensor, const at::Tensor& places) {
  return tensor.defined() && places.defined() ? tensor.index_select(0, places) : tensor;
}

// Which samples to take; undefined for all.
at::Tensor choose(int64_t size, int64_t samples, uint64_t seed, const std::string& name) {
  if (samples <= 0 || samples == size) return {};
  if (samples > size)
    throw Error(name + ": has " + std::to_string(size) + " samples, fewer than the " +
                std::to_string(samples) + " of --samples");
  const at::Tensor order =
      at::randperm(size, train::make_generator(seed, "samples"), at::TensorOptions().dtype(at::kLong));
  return std::get<0>(order.narrow(0, 0, samples).sort());
}

// `features`, or `image` as `saddle sample` writes it: pictures go through uint8, as training measures them.
SampleSet read_file(const std::filesystem::path& path, int64_t samples, uint64_t seed) {
  const TensorFile file = TensorFile::read(path);
  const std::string name = path.string();
  const bool pictures = !file.tensors.contains("features") && file.tensors.contains("image");
  at::Tensor values = pictures ? file.at("image") : file.at("features");
  if (values.dim() < 2 || (!pictures && values.dim() != 2))
    throw Error(name + ": tensor \"" + (pictures ? "image" : "features") + "\" has shape " +
                shape_text(values.sizes()) + "; expected [n, d]");
  at::Tensor labels;
  if (const auto found = file.tensors.find("label"); found != file.tensors.end()) labels = found->second;
  if (labels.defined() &&
      (labels.dim() != 1 || labels.size(0) != values.size(0) || at::isFloatingType(labels.scalar_type())))
    throw Error(name + ": tensor \"label\" has shape " + shape_text(labels.sizes()) +
                "; expected one class number for each of the " + std::to_string(values.size(0)) + " samples");
  const at::Tensor places = choose(values.size(0), samples, seed, name);
  values = rows(values, places);
  const std::vector<int64_t> shape = values.sizes().slice(1).vec();
  if (pictures && values.dim() == 4 && values.scalar_type() != at::kByte) values = to_uint8(values);
  if (pictures) values = to_float(values);
  SampleSet set = set_of(name, values.flatten(1), rows(labels, places));
  set.shape = shape;
  return set;
}

SampleSet read_dataset(const Request& source, int64_t samples, uint64_t seed) {
  const std::string name = source.at("name").get<std::string>();
  const auto dataset = open_dataset(source.at("component"));
  const std::string split_name = text(source, "split");
  const uint32_t split = split_name.empty() ? 0 : dataset->split(split_name);
  const int64_t size = dataset->info().splits[split].second;
  at::Tensor places = choose(size, samples, seed, name);
  if (!places.defined()) places = at::arange(size, at::kLong);
  const auto [values, labels] =
      dataset->read(split, {places.const_data_ptr<int64_t>(), static_cast<std::size_t>(places.numel())});
  SampleSet set = set_of(name, to_float(values).flatten(1), labels);
  set.shape = dataset->info().shape;
  set.version = dataset->info().version;
  set.facts = facts_of(*dataset);
  return set;
}

}  // namespace

std::unique_ptr<Dataset> open_dataset(const Request& component) {
  return std::make_unique<Dataset>(open_component(component), component.at("parameters"),
                                   nlohmann::json{{"data_folder", data_folder()}});
}

nlohmann::json facts_of(const Dataset& dataset) {
  nlohmann::json facts = {{"sample_shape", dataset.info().shape}, {"classes", dataset.info().classes}};
  for (const auto& [key, value] : dataset.info().facts.items()) facts["dataset." + key] = value;
  return facts;
}

SampleSet read_set(const Request& source, int64_t samples, uint64_t seed) {
  if (source.contains("file")) return read_file(source.at("file").get<std::string>(), samples, seed);
  return read_dataset(source, samples, seed);
}

SampleSet set_of(const std::string& name, const at::Tensor& features, const at::Tensor& labels) {
  if (features.dim() != 2)
    throw Error(name + ": has shape " + shape_text(features.sizes()) + "; expected [n, d]");
  if (features.size(0) < 2 || features.size(1) < 1)
    throw Error(name + ": " + shape_text(features.sizes()) +
                " is too little to measure; expected at least 2 samples");
  SampleSet set{name,
                features.to(at::kFloat).contiguous(),
                labels.defined() ? labels.to(at::kLong).contiguous() : labels,
                {features.size(1)},
                ""};
  if (!at::isfinite(set.features).all().item<bool>())
    throw Error(name + ": not all of its values are finite numbers");
  return set;
}

void check_comparable(const SampleSet& real, const SampleSet& fake) {
  if (real.features.size(1) == fake.features.size(1)) return;
  const auto size = [](const SampleSet& s) {
    return s.name + " has " + std::to_string(s.features.size(1)) + " numbers a sample (" +
           shape_text(s.shape) + ")";
  };
  throw Error("the two sets cannot be compared: " + size(real) + ", " + size(fake) +
              ". Give both the same features; a folder of pictures is resized with --set image_folder.size=N "
              "and image_folder.channels=C");
}

}  // namespace saddle::worker
