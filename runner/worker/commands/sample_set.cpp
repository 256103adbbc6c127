#include <commands/sample_set.hpp>

#include <common/error.hpp>
#include <game/data.hpp>
#include <game/measure.hpp>
#include <game/trial.hpp>
#include <image/sheet.hpp>
#include <train/random.hpp>

namespace saddle::worker {

SetFeatures::SetFeatures(const Request& request) {
  if (request.is_null()) return;
  entry_ = request.at("entry");
  trial_.plugins["model/" + entry_.at("use").get<std::string>()] = request.at("file").get<std::string>();
}

at::Tensor SetFeatures::of(const at::Tensor& pictures) {
  const std::vector<int64_t> shape = pictures.sizes().slice(1).vec();
  if (!extractor_ || shape != shape_) {
    extractor_ = std::make_unique<Extractor>(trial_, entry_, DatasetInfo{.dtype = at::kByte, .shape = shape});
    shape_ = shape;
  }
  return extractor_->features(pictures, entry_.at("output").get<std::string>());
}

nlohmann::json SetFeatures::protocol() const {
  if (!extractor_) return "pixels";
  nlohmann::json protocol = extractor_->protocol();
  protocol["output"] = entry_.at("output");
  protocol["resize"] = extractor_->resize();
  return protocol;
}

namespace {

constexpr int64_t kBlock = 256;  // pictures that are in memory at a time when features are made of them

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

// Rows of features of `count` samples, which `read` gives, a block at a time.
template <class Read>
at::Tensor rows_of(int64_t count, SetFeatures& features, Read&& read) {
  std::vector<at::Tensor> blocks;
  for (int64_t first = 0; first < count; first += kBlock) {
    const at::Tensor some = to_float(read(first, std::min(kBlock, count - first)));
    blocks.push_back(features.pixels() ? some.flatten(1) : features.of(some));
  }
  return at::cat(blocks);
}

// `features`, or `image` as `saddle sample` writes it.
SampleSet read_file(const std::filesystem::path& path, int64_t samples, uint64_t seed,
                    SetFeatures& features) {
  const TensorFile file = TensorFile::read(path);
  const std::string name = path.string();
  const bool pictures = !file.tensors.contains("features") && file.tensors.contains("image");
  at::Tensor values = pictures ? file.at("image") : file.at("features");
  if (values.dim() < 2 || (!pictures && values.dim() != 2))
    throw Error(name + ": tensor \"" + (pictures ? "image" : "features") + "\" has shape " +
                shape_text(values.sizes()) + "; expected [n, d]");
  if (pictures && !features.pixels() && values.dim() != 4)
    throw Error(name + ": tensor \"image\" has shape " + shape_text(values.sizes()) +
                "; an extractor takes pictures, [n, channels, height, width]");
  at::Tensor labels;
  if (const auto found = file.tensors.find("label"); found != file.tensors.end()) labels = found->second;
  if (labels.defined() &&
      (labels.dim() != 1 || labels.size(0) != values.size(0) || at::isFloatingType(labels.scalar_type())))
    throw Error(name + ": tensor \"label\" has shape " + shape_text(labels.sizes()) +
                "; expected one class number for each of the " + std::to_string(values.size(0)) + " samples");
  const at::Tensor places = choose(values.size(0), samples, seed, name);
  values = rows(values, places);
  const std::vector<int64_t> shape = values.sizes().slice(1).vec();
  if (pictures)
    values = rows_of(values.size(0), features, [&](int64_t first, int64_t count) {
      const at::Tensor some = values.narrow(0, first, count);
      // Pictures go through uint8, as training measures them.
      return some.dim() == 4 && some.scalar_type() != at::kByte ? quantised(some, at::kByte) : some;
    });
  SampleSet set = set_of(name, values, rows(labels, places));
  set.shape = shape;
  set.given = !pictures;
  return set;
}

SampleSet read_dataset(const Request& source, int64_t samples, uint64_t seed, SetFeatures& features) {
  const std::string name = source.at("name").get<std::string>();
  const auto dataset = open_dataset(source.at("component"));
  const std::string split_name = text(source, "split");
  const uint32_t split = split_name.empty() ? 0 : dataset->split(split_name);
  const int64_t size = dataset->info().splits[split].second;
  at::Tensor places = choose(size, samples, seed, name);
  if (!places.defined()) places = at::arange(size, at::kLong);
  if (!features.pixels() && dataset->info().shape.size() != 3)
    throw Error(name + ": its samples are points; an extractor takes pictures");
  std::vector<at::Tensor> labels;
  const at::Tensor values = rows_of(places.size(0), features, [&](int64_t first, int64_t count) {
    const at::Tensor some = places.narrow(0, first, count).contiguous();
    auto [block, its] =
        dataset->read(split, {some.const_data_ptr<int64_t>(), static_cast<std::size_t>(count)});
    if (its.defined()) labels.push_back(its);
    return block;
  });
  SampleSet set = set_of(name, values, labels.empty() ? at::Tensor() : at::cat(labels));
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

SampleSet read_set(const Request& source, int64_t samples, uint64_t seed, SetFeatures& features) {
  if (source.contains("file"))
    return read_file(source.at("file").get<std::string>(), samples, seed, features);
  return read_dataset(source, samples, seed, features);
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
