#pragma once
#include <memory>
#include <string>

#include <bridge/instances.hpp>
#include <commands/one_shot.hpp>

namespace saddle::worker {

// Samples as a metric takes them.
struct SampleSet {
  std::string name;            // for messages: the file, the folder, "digits:train"
  at::Tensor features;         // [n, d] float32 on the CPU; pictures: x / 127.5 - 1, flattened
  at::Tensor labels;           // [n] int64, or undefined
  std::vector<int64_t> shape;  // of one sample
  std::string version;         // of a data set; "" for files
  nlohmann::json facts = nlohmann::json::object();  // of a data set, as a metric asks for them
};

// A data set that is called alone.
std::unique_ptr<Dataset> open_dataset(const Request& component);
// sample_shape, classes and dataset.KEY, as a trial on this data set would know them.
nlohmann::json facts_of(const Dataset& dataset);

// {"name", "file": PATH} or {"name", "component": {...}, "split": NAME or null for the first}. At most
// `samples` of them (0: all), drawn without replacement by `seed`.
SampleSet read_set(const Request& source, int64_t samples, uint64_t seed);

// A set from a matrix, checked: at least 2 rows, all of them finite.
SampleSet set_of(const std::string& name, const at::Tensor& features, const at::Tensor& labels);

// Throws Error when the two cannot be compared.
void check_comparable(const SampleSet& real, const SampleSet& fake);

}  // namespace saddle::worker
