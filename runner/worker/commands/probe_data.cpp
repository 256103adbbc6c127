// Probing what holds no weights: data sets, metrics and transforms.
#include <algorithm>
#include <iostream>

#include <commands/probe.hpp>
#include <commands/sample_set.hpp>
#include <common/error.hpp>
#include <image/sheet.hpp>
#include <train/random.hpp>
#include <train/safetensors.hpp>

namespace saddle::worker {
namespace {

nlohmann::json describe(const Dataset& dataset) {
  const DatasetInfo& info = dataset.info();
  nlohmann::json splits = nlohmann::json::array();
  for (const auto& [name, size] : info.splits) splits.push_back({{"name", name}, {"size", size}});
  return {{"kind", "dataset"},
          {"name", dataset.component().name},
          {"version", dataset.component().description.at("version")},
          {"data_version", info.version},
          {"dtype", info.dtype == at::kByte ? "uint8" : "float32"},
          {"shape", info.shape},
          {"classes", info.classes},
          {"splits", splits},
          {"concurrent", info.concurrent},
          {"facts", info.facts}};
}

// The first samples of a split, as they are stored.
void write_samples(const Request& request, const Dataset& dataset) {
  const std::string out = text(request, "out"), sheet_file = text(request, "sheet");
  const std::string split_name = text(request, "split");
  const uint32_t split = split_name.empty() ? 0 : dataset.split(split_name);
  if (out.empty() && sheet_file.empty()) return;
  const int64_t size = dataset.info().splits[split].second;
  const at::Tensor places = at::arange(std::min(size, request.at("count").get<int64_t>()), at::kLong);
  const auto [samples, labels] =
      dataset.read(split, {places.const_data_ptr<int64_t>(), static_cast<std::size_t>(places.numel())});
  std::map<std::string, at::Tensor> tensors = {{"image", samples}};
  if (labels.defined()) tensors["label"] = labels;
  if (!out.empty()) train::write_safetensors(out, tensors);
  if (!sheet_file.empty())
    write_png(sheet_file, samples.scalar_type() == at::kByte ? sheet(samples) : scatter(samples));
}

void print(const nlohmann::json& answer) {
  for (const char* key : {"name", "version", "data_version", "dtype", "shape", "classes"})
    std::cout << key << "  "
              << (answer[key].is_string() ? answer[key].get<std::string>() : answer[key].dump()) << '\n';
  for (const auto& split : answer["splits"])
    std::cout << "split " << split["name"].get<std::string>() << "  " << split["size"] << '\n';
  if (!answer["facts"].empty()) std::cout << "facts  " << answer["facts"].dump() << '\n';
}

at::Tensor find_labels(const TensorFile& file, const std::string& set) {
  const auto found = file.tensors.find(set + ".label");
  if (found == file.tensors.end()) return {};
  if (at::isFloatingType(found->second.scalar_type()) ||
      found->second.sizes() != at::IntArrayRef({file.at(set).size(0)}))
    throw Error(file.path.string() + ": tensor \"" + set + ".label\" has shape " +
                shape_text(found->second.sizes()) + "; expected one class number for each row of \"" + set +
                "\"");
  return found->second;
}

}  // namespace

void probe_dataset(const Request& request) {
  const auto dataset = open_dataset(request.at("component"));
  const nlohmann::json answer = describe(*dataset);
  write_samples(request, *dataset);
  if (request.at("json").get<bool>())
    std::cout << answer.dump(1) << '\n';
  else
    print(answer);
}

void probe_metric(const Request& request) {
  const TensorFile file = TensorFile::read(request.at("inputs").get<std::string>());
  const auto set = [&](const std::string& name) {
    return set_of(file.path.string() + ": tensor \"" + name + "\"", file.at(name), find_labels(file, name));
  };
  const SampleSet real = set("real"), fake = set("fake");
  check_comparable(real, fake);
  const nlohmann::json facts = request.at("dataset").is_null()
                                   ? nlohmann::json{{"sample_shape", {real.features.size(1)}}, {"classes", 0}}
                                   : facts_of(*open_dataset(request.at("dataset")));
  const Request& component = request.at("component");
  const Metric metric(open_component(component), component.at("parameters"), facts);
  metric.reference(real.features, real.labels);
  nlohmann::json answer = nlohmann::json::object();
  for (const auto& [name, value] : metric.measure(fake.features, fake.labels)) answer[name] = value;
  if (request.at("json").get<bool>()) {
    std::cout << answer.dump(1) << '\n';
    return;
  }
  for (const auto& [name, value] : answer.items()) std::cout << name << "  " << value << '\n';
}

void probe_transform(const Request& request) {
  const TensorFile file = TensorFile::read(request.at("inputs").get<std::string>());
  const at::Tensor& given = file.at("image");
  if (given.dim() < 2 || !at::isFloatingType(given.scalar_type()))
    throw Error(file.path.string() + ": tensor \"image\" is " + c10::toString(given.scalar_type()) + " " +
                shape_text(given.sizes()) + "; expected floats, [n, channels, height, width] or [n, d]");
  const nlohmann::json facts = {{"sample_shape", given.sizes().slice(1).vec()}, {"classes", 0}};
  const Request& component = request.at("component");
  const Transform transform(open_component(component), component.at("parameters"), facts);
  train::seed_default_generators(request.at("seed").get<uint64_t>());
  const at::Tensor image = transform.apply(given.scalar_type() == at::kDouble ? given : given.to(at::kFloat),
                                           transform.first_buffers());
  if (const std::string out = text(request, "out"); !out.empty())
    train::write_safetensors(out, {{"image", image}});
  const nlohmann::json answer = {{"mean", image.mean().item<double>()},
                                 {"min", image.min().item<double>()},
                                 {"max", image.max().item<double>()}};
  if (request.at("json").get<bool>()) {
    std::cout << answer.dump(1) << '\n';
    return;
  }
  for (const char* key : {"mean", "min", "max"}) std::cout << key << "  " << answer[key] << '\n';
}

}  // namespace saddle::worker
