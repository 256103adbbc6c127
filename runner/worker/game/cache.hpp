#pragma once
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>

// Files in saddle's cache folder, which trials of many processes use at once.
namespace saddle::worker {

// Held by the process that computes what others wait for. Released when it ends, however it does.
class CacheLock {
 public:
  // Waits, but not for ever: a process that is stopped would keep others from their work.
  explicit CacheLock(const std::filesystem::path& file);
  ~CacheLock();
  CacheLock(const CacheLock&) = delete;
  CacheLock& operator=(const CacheLock&) = delete;

 private:
  int fd_;
};

// Each process writes a file of its own and renames it: FILE is there whole or not at all, and of several
// that write it the last one stays. Throws.
void write_cached(const std::filesystem::path& file, const std::map<std::string, at::Tensor>& tensors);

}  // namespace saddle::worker
