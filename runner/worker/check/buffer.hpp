#pragma once
#include <cstddef>
#include <cstdint>

namespace saddle::worker {

// Memory for a plugin to write to, between two pages that nobody may touch. What lies between it and those
// pages holds a pattern, so that a write just beside it is found and one far off ends the process.
class GuardedBuffer {
 public:
  explicit GuardedBuffer(size_t bytes, uint8_t content);
  ~GuardedBuffer();
  GuardedBuffer(const GuardedBuffer&) = delete;
  GuardedBuffer& operator=(const GuardedBuffer&) = delete;

  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  // Bytes beside it that were written to.
  size_t damage() const;

 private:
  uint8_t* map_ = nullptr;  // guard page, room, guard page
  uint8_t* data_ = nullptr;
  size_t map_size_ = 0, size_ = 0;
};

}  // namespace saddle::worker
