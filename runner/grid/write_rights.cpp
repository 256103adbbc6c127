#include <grid/write_rights.hpp>

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

namespace saddle {
namespace fs = std::filesystem;
namespace {

bool anyone_may_write(const struct stat& info) { return (info.st_mode & S_IWOTH) != 0; }

}  // namespace

std::string WriteRights::above_fault(const fs::path& folder) {
  if (const auto found = known_.find(folder); found != known_.end()) return found->second;
  std::string fault;
  struct stat info {};
  if (::stat(folder.c_str(), &info) == 0 && anyone_may_write(info) && (info.st_mode & S_ISVTX) == 0)
    fault = "anyone on this machine may write to " + folder.string() + ", which it lies in";
  else if (folder.has_relative_path())
    fault = above_fault(folder.parent_path());
  return known_[folder] = fault;
}

std::string WriteRights::folder_fault(const fs::path& folder) {
  std::error_code error;
  const fs::path real = fs::canonical(folder, error);
  struct stat info {};
  if (error || ::stat(real.c_str(), &info) != 0) return "cannot be read: " + error.message();
  // Sticky or not: a new plugin is all it takes.
  if (anyone_may_write(info)) return "anyone on this machine may write to this plugin folder";
  return above_fault(real.parent_path());
}

std::string WriteRights::file_fault(const fs::path& file) {
  std::error_code error;
  const fs::path real = fs::canonical(file, error);
  struct stat info {};
  if (error) return "cannot be read: " + error.message();
  if (::stat(real.c_str(), &info) != 0) return std::string("cannot be read: ") + std::strerror(errno);
  if (!S_ISREG(info.st_mode)) return "not a regular file";
  std::string fault =
      anyone_may_write(info) ? "anyone on this machine may write to it" : above_fault(real.parent_path());
  return fault.empty() ? fault : fault + ", and so run code as you (chmod o-w)";
}

}  // namespace saddle
