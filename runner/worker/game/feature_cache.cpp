#include <game/feature_cache.hpp>

#include <sys/file.h>

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <optional>
#include <thread>

#include <common/error.hpp>
#include <common/paths.hpp>
#include <common/sha256.hpp>
#include <train/safetensors.hpp>

namespace saddle::worker {
namespace {

namespace fs = std::filesystem;

// Held by the process that computes. Released when it ends, however it does.
class Lock {
 public:
  // Waits, but not for ever: a process that is stopped would keep others from measuring.
  explicit Lock(const fs::path& file) : fd_(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(30);
    while (fd_ >= 0 && ::flock(fd_, LOCK_EX | LOCK_NB) != 0 && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  ~Lock() {
    if (fd_ >= 0) ::close(fd_);
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  int fd_;
};

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
      for (const auto& [output, rows] : features) {
        // A name of its own first: a file is there whole or not at all.
        const fs::path own = file_of(output).string() + "." + std::to_string(::getpid());
        train::write_safetensors(own, {{"features", rows}});
        fs::rename(own, file_of(output));
      }
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
  const Lock lock(folder.lock_file());
  if (auto found = folder.find(outputs, samples.size(0))) return *std::move(found);
  Features computed = compute();
  folder.keep(computed);
  return computed;
}

}  // namespace saddle::worker
