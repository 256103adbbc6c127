#include <game/cache.hpp>

#include <sys/file.h>

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include <train/safetensors.hpp>

namespace saddle::worker {

CacheLock::CacheLock(const std::filesystem::path& file)
    : fd_(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(30);
  while (fd_ >= 0 && ::flock(fd_, LOCK_EX | LOCK_NB) != 0 && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
}

CacheLock::~CacheLock() {
  if (fd_ >= 0) ::close(fd_);
}

void write_cached(const std::filesystem::path& file, const std::map<std::string, at::Tensor>& tensors) {
  const std::filesystem::path own = file.string() + "." + std::to_string(::getpid());
  train::write_safetensors(own, tensors);
  std::filesystem::rename(own, file);
}

}  // namespace saddle::worker
