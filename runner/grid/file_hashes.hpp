#pragma once
#include <filesystem>
#include <string>

#include <common/json.hpp>

namespace saddle {

// SHA-256 of files, remembered between runs by path, size, times and inode, so
// that a warm start reads no plugin. A file changed within the last two seconds
// is not remembered: a second change might leave its times as they are.
class FileHashes {
 public:
  FileHashes();
  // Throws Error when the file cannot be read.
  std::string of(const std::filesystem::path& file);
  // Writes what was learnt; a cache that cannot be written is no error.
  void save();

 private:
  std::filesystem::path store_;
  Json known_ = Json::object();
  bool changed_ = false;
};

}  // namespace saddle
