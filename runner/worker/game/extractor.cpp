#include <game/extractor.hpp>

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/core/grad_mode.h>
#include <torch/version.h>

#include <common/error.hpp>
#include <common/paths.hpp>
#include <common/sha256.hpp>
#include <game/measure.hpp>

namespace saddle::worker {
namespace {

constexpr int64_t kBatch = 32;  // bounds the memory that large pictures take
constexpr std::size_t kKept = 2;

// Another file than the one that was planned would give other numbers under the same protocol.
void check_weights(const nlohmann::json& entry) {
  const auto expected = entry.find("sha256");
  if (expected == entry.end()) return;
  const auto name = entry.value("weights", "");
  const std::filesystem::path file =
      name.empty() ? extractor_weights(entry.at("use")) : std::filesystem::path(name);
  const std::string found = sha256_file(file);
  if (found != *expected)
    throw Error("the weights in " + file.string() + " are not those that were planned: their SHA-256 is " +
                found + ", not " + expected->get<std::string>() + ". Restore that file, or plan anew");
}

nlohmann::json parameters_of(const nlohmann::json& entry) {
  nlohmann::json own = entry;
  for (const char* host : {"use", "output", "sha256", "trained"}) own.erase(host);
  return own;
}

}  // namespace

Extractor::Extractor(const Trial& trial, const nlohmann::json& entry, const DatasetInfo& data)
    : bytes_(data.dtype == at::kByte) {
  check_weights(entry);
  const Component& component = trial.component("model", entry);
  const auto name = entry.at("use").get<std::string>();
  nlohmann::json own = parameters_of(entry);
  std::vector<int64_t> shape = data.shape;
  if (own.contains("resize") && own.contains("size")) {
    mode_ = resize_from_name(own.at("resize").get<std::string>());
    side_ = own.at("size").get<int64_t>();
    if (mode_ != Resize::none && shape.size() == 3) shape = {shape[0], side_, side_};
  }
  const nlohmann::json facts = {
      {"sample_shape", shape}, {"classes", data.classes}, {"data_folder", data_folder()}};
  model_ = std::make_unique<WithTensors<Model>>(
      train::ParameterOptions{.device = trial_device()}, train::SpectralOptions{},
      train::make_generator(0, "extractor/" + name), component, "features", own, facts, "extractor/" + name);
  plugin_ = load_plugin(component.file).sha256;
  protocol_ = {{"extractor", name + "@" + component.description.at("version").get<std::string>()}};
  if (entry.contains("sha256")) {
    own.erase("weights");
    protocol_["weights_sha256"] = entry.at("sha256");
  }
  if (entry.contains("trained")) protocol_["trained"] = entry.at("trained");
  protocol_["parameters"] = own;
}

void Extractor::want(const std::string& output) { wanted_.insert(output); }

std::string Extractor::resize() const {
  constexpr const char* kNames[] = {"none", "legacy", "clean", "bilinear"};
  const std::string name = kNames[static_cast<std::size_t>(mode_)];
  return mode_ == Resize::none ? name : name + " " + std::to_string(side_);
}

std::string Extractor::key(nlohmann::json entry) {
  entry.erase("output");
  return entry.dump();
}

const std::string& Extractor::identity() {
  if (!identity_.empty()) return identity_;
  std::vector<at::Tensor> tensors;
  for (const auto& parameter : model_->set.parameters()) tensors.push_back(parameter.raw);
  for (const auto& buffer : buffers_of(model_->instance.declared(), model_->set)) tensors.push_back(buffer);
  // Other instructions, and other numbers of threads, give other last bits.
  identity_ = nlohmann::json{{"protocol", protocol_},
                             {"plugin", plugin_},
                             {"tensors", contents_of(tensors)},
                             {"quantised", bytes_},
                             {"device", trial_device().str()},
                             {"libtorch", TORCH_VERSION},
                             {"instructions", at::get_cpu_capability()},
                             {"threads", at::get_num_threads()}}
                  .dump();
  return identity_;
}

at::Tensor Extractor::features(const at::Tensor& samples, const std::string& output, bool real) {
  for (const auto& [set, computed] : known_)
    if (set.is_same(samples))
      if (const auto found = computed.find(output); found != computed.end()) return found->second;
  wanted_.insert(output);
  if (known_.size() == kKept) known_.erase(known_.begin());
  known_.emplace_back(samples,
                      real ? kept_features(identity(), samples, wanted_, [&] { return compute(samples); })
                           : compute(samples));
  return known_.back().second.at(output);
}

Features Extractor::compute(const at::Tensor& samples) {
  const at::NoGradGuard no_grad;
  const Declared& declared = model_->instance.declared();
  const int64_t pass = ++passes_;
  model_->weights.begin(pass, train::Use::measure);
  const auto weights = weights_of(declared, model_->weights, pass);
  const auto buffers = buffers_of(declared, model_->set);
  std::map<std::string, std::vector<at::Tensor>> parts;
  for (const at::Tensor& some : samples.split(kBatch)) {
    const at::Tensor pictures =
        resized(quantised(some, bytes_ ? at::kByte : at::kFloat).to(at::kFloat), mode_, side_);
    const NamedTensors outputs = model_->instance.forward(weights, buffers, {{"image", pictures}}, false);
    for (const std::string& name : wanted_) {
      const at::Tensor rows = find(outputs, name);
      if (!rows.defined()) throw Error("the extractor gives no output \"" + name + "\"");
      parts[name].push_back(rows.flatten(1).to(at::kCPU, at::kFloat));
    }
  }
  Features computed;
  for (const auto& [name, list] : parts) computed[name] = at::cat(list).contiguous();
  return computed;
}

}  // namespace saddle::worker
