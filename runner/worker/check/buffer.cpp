#include <check/buffer.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <new>

namespace saddle::worker {
namespace {
constexpr uint8_t kPattern = 0xa5;
size_t page() { return static_cast<size_t>(::sysconf(_SC_PAGESIZE)); }
}  // namespace

GuardedBuffer::GuardedBuffer(size_t bytes, uint8_t content) : size_(bytes) {
  // At least a page of pattern on each side, and the buffer aligned as an allocator would.
  const size_t room = (bytes + 2 * page() + page() - 1) / page() * page();
  map_size_ = room + 2 * page();
  void* map = ::mmap(nullptr, map_size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) throw std::bad_alloc();
  map_ = static_cast<uint8_t*>(map);
  if (::mprotect(map_ + page(), room, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
  std::memset(map_ + page(), kPattern, room);
  data_ = map_ + 2 * page();
  std::memset(data_, content, bytes);
}

GuardedBuffer::~GuardedBuffer() { ::munmap(map_, map_size_); }

size_t GuardedBuffer::damage() const {
  size_t damaged = 0;
  for (const uint8_t* p = map_ + page(); p < map_ + map_size_ - page(); ++p)
    if ((p < data_ || p >= data_ + size_) && *p != kPattern) ++damaged;
  return damaged;
}

}  // namespace saddle::worker
