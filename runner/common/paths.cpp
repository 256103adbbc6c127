#include <common/paths.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include <common/error.hpp>

namespace saddle {
namespace fs = std::filesystem;
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

void append_once(std::vector<fs::path>& folders, const fs::path& folder) {
  std::error_code ignored;
  fs::path absolute = fs::absolute(folder, ignored).lexically_normal();
  if (!absolute.has_filename()) absolute = absolute.parent_path();
  if (std::find(folders.begin(), folders.end(), absolute) == folders.end()) folders.push_back(absolute);
}

}  // namespace

fs::path program_folder() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (error) throw Error("cannot find the running program: /proc/self/exe: " + error.message(), kEnvironment);
  return program.parent_path();
}

fs::path worker_path() {
  const std::string chosen = environment("SADDLE_WORKER");
  const fs::path worker = chosen.empty() ? program_folder() / "saddle-worker" : fs::path(chosen);
  if (::access(worker.c_str(), X_OK) != 0) {
    throw Error(worker.string() + ": no worker program here (" + std::strerror(errno) +
                    "). It is built beside saddle: run ./saddle build, or set SADDLE_WORKER.",
                kEnvironment);
  }
  return fs::absolute(worker);
}

fs::path user_plugin_folder() {
  const std::string chosen = environment("XDG_DATA_HOME"), home = environment("HOME");
  // Relative paths are to be ignored, says the XDG base directory specification.
  if (chosen.starts_with('/')) return fs::path(chosen) / "saddle" / "plugins";
  if (!home.empty()) return fs::path(home) / ".local" / "share" / "saddle" / "plugins";
  return {};
}

std::vector<fs::path> plugin_search_path(const std::vector<fs::path>& given) {
  std::vector<fs::path> folders;
  for (const fs::path& folder : given) append_once(folders, folder);
  std::istringstream list(environment("SADDLE_PLUGIN_PATH"));
  for (std::string folder; std::getline(list, folder, ':');) {
    if (!folder.empty()) append_once(folders, folder);
  }
  std::error_code ignored;
  if (const fs::path own = user_plugin_folder(); !own.empty() && fs::is_directory(own, ignored))
    append_once(folders, own);
  append_once(folders, program_folder().parent_path() / "lib" / "saddle" / "plugins");
  return folders;
}

fs::path cache_folder() {
  const std::string chosen = environment("XDG_CACHE_HOME");
  if (!chosen.empty()) return fs::path(chosen) / "saddle";
  const std::string home = environment("HOME");
  if (!home.empty()) return fs::path(home) / ".cache" / "saddle";
  return {};
}

fs::path data_folder() {
  if (const std::string given = environment("SADDLE_DATA"); !given.empty()) return given;
  return (program_folder() / ".." / "share" / "saddle" / "data").lexically_normal();
}

fs::path extractor_weights(const std::string& name) {
  return data_folder() / "extractors" / (name + ".safetensors");
}

std::string read_file(const fs::path& file) {
  std::error_code error;
  if (fs::is_directory(file, error)) throw Error(file.string() + ": is a folder, a file was expected");
  std::ifstream in(file, std::ios::binary);
  if (!in) throw Error(file.string() + ": cannot be read: " + std::strerror(errno));
  std::ostringstream text;
  text << in.rdbuf();
  if (in.bad()) throw Error(file.string() + ": reading stopped: " + std::strerror(errno));
  return std::move(text).str();
}

bool replace_file(const fs::path& file, const std::string& content) {
  std::error_code error;
  fs::create_directories(fs::absolute(file).parent_path(), error);
  if (error) return false;
  std::string temporary = file.string() + ".XXXXXX";
  const int fd = ::mkstemp(temporary.data());
  if (fd < 0) return false;
  std::size_t written = 0;
  while (written < content.size()) {
    const ssize_t n = ::write(fd, content.data() + written, content.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    written += static_cast<std::size_t>(n);
  }
  const bool complete = ::close(fd) == 0 && written == content.size();
  if (complete && ::rename(temporary.c_str(), file.c_str()) == 0) return true;
  ::unlink(temporary.c_str());
  return false;
}

}  // namespace saddle
