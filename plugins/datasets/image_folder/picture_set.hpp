// Pictures, decoded and resized when first wanted.
#pragma once
#include "folder.hpp"
#include "image.hpp"

#include <atomic>
#include <memory>

namespace saddle {

// Where they come from.
struct Pictures {
  virtual ~Pictures() = default;
  // Throws Error with the picture's name. Any thread.
  virtual Image decode(uint32_t split, size_t i) const = 0;
  virtual int64_t label(uint32_t split, size_t i) const = 0;
  // How messages speak of it.
  virtual std::string name(uint32_t split, size_t i) const {
    return (split == 0 ? "train " : "test ") + std::to_string(i);
  }

  std::vector<std::string> classes;  // empty: no labels
  std::vector<size_t> sizes;         // of train, and of test where there is one
  std::string version;
};

class PictureSet {
 public:
  // Pictures come as [channels, size, size]; size 0 is that of the first, and another one's is an error. They
  // are kept in memory if all of them fit in `cache_bytes`; else each is decoded whenever it is wanted.
  PictureSet(std::unique_ptr<const Pictures> pictures, int64_t channels, int64_t size, Filter filter,
             size_t cache_bytes);
  PictureSet(Folder folder, int64_t channels, int64_t size, Filter filter, size_t cache_bytes);

  DatasetInfo info() const;
  // Any thread.
  void fill(uint32_t split, std::span<const int64_t> indices, void* samples, int64_t* labels) const;

 private:
  // Decoded pictures, each kept from when it is first wanted. Whoever of several threads comes first keeps
  // its copy.
  class Cache {
   public:
    Cache(size_t count, size_t bytes) : bytes_(bytes), data_(new uint8_t[count * bytes]), state_(count) {}
    const uint8_t* find(size_t i) const;
    void keep(size_t i, const uint8_t* sample);

   private:
    static constexpr uint8_t kEmpty = 0, kBusy = 1, kReady = 2;
    size_t bytes_;
    std::unique_ptr<uint8_t[]> data_;  // not touched before use, so it costs no memory before
    std::vector<std::atomic<uint8_t>> state_;
  };

  size_t sample_bytes() const { return static_cast<size_t>(channels_ * size_ * size_); }
  void write(uint32_t split, size_t i, uint8_t* to) const;
  // The side of a picture that is not resized.
  int64_t side_of(const Image& image, uint32_t split, size_t i) const;

  std::unique_ptr<const Pictures> pictures_;
  int64_t channels_, size_;
  bool as_they_are_;
  Filter filter_;
  std::vector<std::unique_ptr<Cache>> caches_;
};

}  // namespace saddle
