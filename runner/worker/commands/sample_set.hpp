#pragma once
#include <memory>
#include <string>

#include <bridge/instances.hpp>
#include <commands/one_shot.hpp>
#include <game/extractor.hpp>

namespace saddle::worker {

// What sets of pictures are measured by, when that is not the pixels: a feature extractor.
class SetFeatures {
 public:
  // {"entry": "features" of a metric, "file": its plugin}, or null for the pixels.
  explicit SetFeatures(const Request& request);

  bool pixels() const { return entry_.is_null(); }
  // [n, d] of pictures [n, channels, height, width] in [-1, 1].
  at::Tensor of(const at::Tensor& pictures);
  // What numbers depend on; the pixels have nothing to say.
  nlohmann::json protocol() const;

 private:
  nlohmann::json entry_;
  Trial trial_;
  std::vector<int64_t> shape_;  // of the pictures that the extractor was made for
  std::unique_ptr<Extractor> extractor_;
};

// Samples as a metric takes them.
struct SampleSet {
  std::string name;            // for messages: the file, the folder, "digits:train"
  at::Tensor features;         // [n, d] float32 on the CPU; pictures: x / 127.5 - 1, flattened, or what an
                               // extractor says of them
  at::Tensor labels;           // [n] int64, or undefined
  std::vector<int64_t> shape;  // of one sample
  std::string version;         // of a data set; "" for files
  nlohmann::json facts = nlohmann::json::object();  // of a data set, as a metric asks for them
  bool given = false;                               // features that came as such, not pictures
};

// A data set that is called alone.
std::unique_ptr<Dataset> open_dataset(const Request& component);
// sample_shape, classes and dataset.KEY, as a trial on this data set would know them.
nlohmann::json facts_of(const Dataset& dataset);

// {"name", "file": PATH} or {"name", "component": {...}, "split": NAME or null for the first}. At most
// `samples` of them (0: all), drawn without replacement by `seed`.
SampleSet read_set(const Request& source, int64_t samples, uint64_t seed, SetFeatures& features);

// A set from a matrix, checked: at least 2 rows, all of them finite.
SampleSet set_of(const std::string& name, const at::Tensor& features, const at::Tensor& labels);

// Throws Error when the two cannot be compared.
void check_comparable(const SampleSet& real, const SampleSet& fake);

}  // namespace saddle::worker
