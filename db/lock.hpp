#pragma once
#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

// Who may write a database: the holder of `<database>.lock`. Private to db/.
namespace saddle::db {

class LockFile {
 public:
  // Throws Error (locked) that says who holds it, once `wait` is over.
  LockFile(const std::filesystem::path& database, std::chrono::milliseconds wait,
           const std::function<void(const std::string&)>& notice);
  ~LockFile();
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;

  // True if the holder before us ended without release(): killed, or a crash.
  bool after_unclean_stop() const { return after_unclean_stop_; }
  // The work ended well. The file stays (removing it would race with a waiter).
  void release();

 private:
  int fd_ = -1;
  bool after_unclean_stop_ = false;
};

// The name of the network file system under `path`, or empty if it is local.
std::string network_file_system(const std::filesystem::path& path);
// The same for a statfs type and, where that is FUSE, which says nothing, for what
// /proc/self/mountinfo calls it: "fuse.sshfs", "fuseblk".
std::string network_file_system_name(long type, std::string_view mounted_as = {});

}  // namespace saddle::db
