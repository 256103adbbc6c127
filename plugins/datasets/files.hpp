// What the readers of files share: finding them, reading them plain or
// gzip-compressed, and a fingerprint of what was read.
#pragma once
#include <saddle/dataset.hpp>

#include <zlib.h>

#include <cstdio>
#include <cstring>
#include <filesystem>

namespace saddle::files {

// Where the data are. The parameter `path` may be absolute, relative to the current folder, or relative to
// the data folder (the first that exists wins); empty means `fallback` in the data folder.
inline std::filesystem::path locate(const Builder& b, const char* fallback) {
  std::filesystem::path given = b.get<std::string>("path");
  const std::filesystem::path data = b.has_fact("data_folder") ? b.fact<std::string>("data_folder") : "data";
  if (given.empty()) return data / fallback;
  if (given.is_absolute() || std::filesystem::exists(given)) return given;
  return std::filesystem::exists(data / given) ? data / given : given;
}

// One line for everything that is wrong with a file. `remedy` says where the set can be had.
[[noreturn]] inline void fail(const std::filesystem::path& file, const std::string& what,
                              std::string_view remedy) {
  throw Error(file.string() + ": " + what + ". " + std::string(remedy));
}

// The whole content of a file; gzip is undone, whatever the file's name is.
inline std::vector<uint8_t> read(const std::filesystem::path& file, std::string_view remedy) {
  std::error_code error;
  const auto kind = std::filesystem::status(file, error).type();
  if (kind == std::filesystem::file_type::not_found) fail(file, "there is no such file", remedy);
  if (kind != std::filesystem::file_type::regular) fail(file, "this is not a readable file", remedy);
  gzFile in = gzopen(file.c_str(), "rb");
  if (!in) fail(file, std::string("the file cannot be opened: ") + std::strerror(errno), remedy);
  gzbuffer(in, 1 << 17);
  std::vector<uint8_t> content;
  try {
    // One byte more than the file has, so that a plain file is read in one piece.
    size_t room = std::max<size_t>(std::filesystem::file_size(file), 1 << 16) + 1;
    for (bool more = true; more; room = 1 << 24) {
      const size_t at = content.size(), wanted = std::min<size_t>(room, 1 << 30);
      content.resize(at + wanted);
      const int n = gzread(in, content.data() + at, static_cast<unsigned>(wanted));
      if (n < 0) {
        int code = 0;
        const std::string reason = gzerror(in, &code);
        fail(file, "the file is damaged or cannot be read: " + reason, remedy);
      }
      content.resize(at + static_cast<size_t>(n));
      more = static_cast<size_t>(n) == wanted;
    }
  } catch (...) {
    gzclose(in);
    throw;
  }
  if (gzclose(in) != Z_OK) fail(file, "the gzip-compressed file ends too early", remedy);
  return content;
}

// Notices that data have changed: 64 bits, fast, no protection against intent.
class Fingerprint {
 public:
  Fingerprint& add(std::span<const uint8_t> bytes) {
    mix(bytes.size());
    size_t i = 0;
    for (; i + 8 <= bytes.size(); i += 8) mix(word(bytes.data() + i, 8));
    if (i < bytes.size()) mix(word(bytes.data() + i, bytes.size() - i));
    return *this;
  }
  Fingerprint& add(std::string_view text) {
    return add({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  }
  Fingerprint& add(uint64_t number) {
    mix(number);
    return *this;
  }
  std::string text() const {
    char out[17];
    std::snprintf(out, sizeof out, "%016llx", static_cast<unsigned long long>(state_));
    return out;
  }

 private:
  static uint64_t word(const uint8_t* p, size_t n) {  // little endian on every machine
    uint64_t w = 0;
    for (size_t i = 0; i < n; ++i) w |= static_cast<uint64_t>(p[i]) << (8 * i);
    return w;
  }
  void mix(uint64_t w) {
    state_ = (state_ ^ w) * 0x9e3779b97f4a7c15;
    state_ ^= state_ >> 32;
  }
  uint64_t state_ = 0xcbf29ce484222325;
};

}  // namespace saddle::files
