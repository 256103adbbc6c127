#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>

// The trial around components, as the bridge knows it: what saddle.trial passes on.
namespace saddle::worker {

class TrialServices {
 public:
  virtual ~TrialServices() = default;

  // On any thread.
  virtual bool cancelled() const = 0;
  virtual void progress(const std::string& component, const std::string& what, int64_t done,
                        int64_t total) = 0;

  // On the trial's thread. `name` is COMPONENT/name.
  virtual void scalar(const std::string& name, double value) = 0;
  // [C, H, W] or [N, C, H, W], C 1 or 3, floats from -1 to 1 or bytes.
  virtual void picture(const std::string& name, const at::Tensor& image) = 0;
  virtual void file(const std::string& name, const std::filesystem::path& path,
                    const std::string& media_type) = 0;
};

// While it lives, this thread runs a trial, and components' requests go to `services`. Without one they go
// to the log.
class InTrial {
 public:
  explicit InTrial(TrialServices& services);
  ~InTrial();
  InTrial(const InTrial&) = delete;
  InTrial& operator=(const InTrial&) = delete;
};

}  // namespace saddle::worker
