#pragma once
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace saddle::schedule {

// Keeps a copy of a database that is being written in a folder that other machines see. In a thread of its
// own: that folder may be slow. Copies when asked, but not so often that it would take more than a tenth of
// the time.
class Publisher {
 public:
  Publisher(std::filesystem::path database, std::filesystem::path target,
            std::function<void(const std::string&)> notice);
  ~Publisher();  // without a last copy
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  // There is something worth a copy. Returns at once.
  void request();
  // The last copy, made now. Throws db::Error.
  void finish();

 private:
  void loop();
  void stop();

  const std::filesystem::path database_, target_;
  const std::function<void(const std::string&)> notice_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool wanted_ = false, stop_ = false;
  std::thread thread_;
};

}  // namespace saddle::schedule
