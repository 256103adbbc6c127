#include <game/feature_cache.hpp>

#include <cstdio>
#include <optional>

#include <common/error.hpp>
#include <common/paths.hpp>
#include <common/sha256.hpp>
#include <game/cache.hpp>
#include <train/safetensors.hpp>

namespace saddle::worker {
namespace {

namespace fs = std::filesystem;

class Folder {
 public:
  Folder(fs::path folder, std::string key) : folder_(std::move(folder)), key_(std::move(key)) {}

  std::optional<Features> find(const std::set<std::string>& outputs, int64_t rows) const {
    Features found;
    for (const std::string& output : outputs) {
      std::error_code error;
      if (!fs::exists(file_of(output), error)) return {};
      try {
        found[output] = train::SafetensorsFile(file_of(output)).read("features");
      } catch (const Error&) {
        return {};  // damaged: made anew
      }
      if (found[output].dim() != 2 || found[output].size(0) != rows) return {};
    }
    return found;
  }
  void keep(const Features& features) const {
    try {
      for (const auto& [output, rows] : features) write_cached(file_of(output), {{"features", rows}});
    } catch (const std::exception& e) {
      std::printf("the features of the real samples are not kept for other trials: %s\n", e.what());
    }
  }
  // Few lock files, though of many keys: two keys that share one only wait for each other.
  fs::path lock_file() const { return folder_ / ("lock-" + key_.substr(0, 1)); }

 private:
  fs::path file_of(const std::string& output) const {
    return folder_ / (sha256(key_ + output) + ".safetensors");
  }
  fs::path folder_;
  std::string key_;
};

}  // namespace

std::string contents_of(const std::vector<at::Tensor>& tensors) {
  std::string all;
  for (const at::Tensor& tensor : tensors) {
    const at::Tensor held = tensor.detach().cpu().contiguous();
    all += c10::toString(held.scalar_type());
    for (const int64_t size : held.sizes()) all += " " + std::to_string(size);
    all += " " + sha256({static_cast<const char*>(held.data_ptr()), held.nbytes()}) + "\n";
  }
  return sha256(all);
}

Features kept_features(const std::string& identity, const at::Tensor& samples,
                       const std::set<std::string>& outputs, const std::function<Features()>& compute) {
  const fs::path cache = cache_folder();
  if (cache.empty()) return compute();
  const Folder folder(cache / "features", sha256(identity + contents_of({samples})));
  if (auto found = folder.find(outputs, samples.size(0))) return *std::move(found);
  std::error_code error;
  fs::create_directories(cache / "features", error);
  const CacheLock lock(folder.lock_file());
  if (auto found = folder.find(outputs, samples.size(0))) return *std::move(found);
  Features computed = compute();
  folder.keep(computed);
  return computed;
}

}  // namespace saddle::worker
