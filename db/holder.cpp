#include "db/holder.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <sstream>

namespace saddle::db {
namespace {

// /proc/locks: "1: FLOCK  ADVISORY  WRITE 4711 fe:00:131093 0 EOF".
bool is_locked(const struct stat& file) {
  char place[64];
  std::snprintf(place, sizeof(place), "%02x:%02x:%lu", major(file.st_dev), minor(file.st_dev),
                static_cast<unsigned long>(file.st_ino));
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    std::istringstream words(line);
    std::string number, kind, mode, access, process, where;
    if (words >> number >> kind >> mode >> access >> process >> where && kind == "FLOCK" && where == place)
      return true;
  }
  return false;
}

}  // namespace

std::optional<Holder> holder_of(const std::filesystem::path& database) {
  const std::string path = database.string() + ".lock";
  struct stat file {};
  if (::stat(path.c_str(), &file) != 0) return std::nullopt;
  std::ifstream in(path);
  Holder holder;
  holder.text.assign(std::istreambuf_iterator<char>(in), {});
  holder.alive = is_locked(file);
  if (holder.text.empty() && !holder.alive) return std::nullopt;
  if (holder.text.empty()) holder.text = "another process";  // which is about to write its name
  return holder;
}

}  // namespace saddle::db
