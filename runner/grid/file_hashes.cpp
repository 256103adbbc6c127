#include <grid/file_hashes.hpp>

#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <ctime>

#include <common/error.hpp>
#include <common/paths.hpp>
#include <common/sha256.hpp>

namespace saddle {
namespace fs = std::filesystem;

FileHashes::FileHashes() {
  const fs::path cache = cache_folder();
  if (cache.empty()) return;
  store_ = cache / "plugins" / "hashes.json";
  std::error_code error;
  if (!fs::exists(store_, error)) return;
  Json known = Json::parse(read_file(store_), nullptr, false);
  if (known.is_object()) known_ = std::move(known);
}

std::string FileHashes::of(const fs::path& file) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0)
    throw Error(file.string() + ": cannot be read: " + std::strerror(errno));
  const auto ns = [](const timespec& t) { return std::int64_t{t.tv_sec} * 1000000000 + t.tv_nsec; };
  const Json state = {info.st_size, ns(info.st_mtim), ns(info.st_ctim), info.st_ino, info.st_dev};
  const std::string path = file.string();
  const auto found = known_.find(path);
  if (found != known_.end() && found->is_object() && found->value("state", Json()) == state &&
      (*found)["sha256"].is_string()) {
    return (*found)["sha256"];
  }
  const std::string hash = sha256_file(file);
  if (std::time(nullptr) - info.st_ctim.tv_sec > 2) {
    known_[path] = {{"state", state}, {"sha256", hash}};
    changed_ = true;
  }
  return hash;
}

void FileHashes::save() {
  if (!changed_ || store_.empty()) return;
  Json kept = Json::object();
  std::error_code error;
  for (const auto& [path, entry] : known_.items()) {
    if (fs::exists(path, error)) kept[path] = entry;
  }
  replace_file(store_, kept.dump(0, ' ', false, Json::error_handler_t::replace) + "\n");
  changed_ = false;
}

}  // namespace saddle
