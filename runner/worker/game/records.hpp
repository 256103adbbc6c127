#pragma once
#include <atomic>
#include <chrono>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>

#include <bridge/trial_services.hpp>
#include <game/recorder.hpp>

namespace saddle::worker {

// Keeps what components record in an attempt. Of a name that is recorded more than once in a step the last
// counts: a loss speaks in each of a round's updates.
class Records final : public TrialServices {
 public:
  // Files go to `folder`; `stop` is set once the trial is to end.
  Records(FrameWriter& frames, Recorder& recorder, std::filesystem::path folder,
          const std::atomic<bool>& stop);

  // What is recorded from here on belongs to this step.
  void begin(int64_t step);
  // Sends all that was recorded so far.
  void send();
  // Announces a file of the folder to saddle, at the present step.
  void artifact(const std::string& kind, const std::string& name, const std::string& file,
                const std::string& media_type);

  bool cancelled() const override { return stop_; }
  void progress(const std::string& component, const std::string& what, int64_t done, int64_t total) override;
  void scalar(const std::string& name, double value) override;
  void picture(const std::string& name, const at::Tensor& image) override;
  void file(const std::string& name, const std::filesystem::path& path,
            const std::string& media_type) override;

 private:
  struct File {
    std::string kind, name, media_type;
  };
  // "hinge-map-12.png" for "hinge/map" at step 12.
  std::string file_of(const std::string& name, const std::string& extension) const;

  FrameWriter& frames_;
  Recorder& recorder_;
  std::filesystem::path folder_;
  const std::atomic<bool>& stop_;
  int64_t step_ = 0;
  std::map<std::string, double> scalars_;  // of this step, not yet sent
  std::map<std::string, File> files_;      // likewise, by their path in the folder

  std::mutex progress_mutex_;
  std::string progress_of_;
  std::chrono::steady_clock::time_point progress_told_{};
};

}  // namespace saddle::worker
