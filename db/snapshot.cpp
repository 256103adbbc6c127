#include "db/snapshot.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "db/sqlite.hpp"

namespace saddle::db {
namespace {

namespace fs = std::filesystem;

class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  // NFS says only here that the disk was full.
  bool close() {
    const int fd = fd_;
    fd_ = -1;
    return ::close(fd) == 0;
  }

 private:
  int fd_;
};

// Removes the file when it goes out of scope.
struct Temporary {
  fs::path path;
  ~Temporary() {
    std::error_code ignored;
    fs::remove(path, ignored);
  }
};

[[noreturn]] void fail(const fs::path& path, const char* what) {
  const int error = errno;
  const ErrorKind kind =
      error == ENOSPC || error == EDQUOT || error == EFBIG ? ErrorKind::full : ErrorKind::io;
  throw Error(kind, path.string() + ": " + what + ": " + std::strerror(error));
}

void copy_synced(const fs::path& from, const fs::path& to) {
  const Descriptor in(from, O_RDONLY);
  if (in.get() < 0) fail(from, "cannot be read");
  Descriptor out(to, O_WRONLY | O_CREAT | O_TRUNC);
  if (out.get() < 0) fail(to, "cannot be made");
  std::array<char, 1 << 16> piece;
  while (true) {
    const ssize_t n = ::read(in.get(), piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(from, "cannot be read");
    if (n == 0) break;
    for (ssize_t done = 0; done < n;) {
      const ssize_t m = ::write(out.get(), piece.data() + done, static_cast<std::size_t>(n - done));
      if (m < 0 && errno == EINTR) continue;
      if (m < 0) fail(to, "cannot be written");
      done += m;
    }
  }
  if (::fsync(out.get()) != 0 || !out.close()) fail(to, "cannot be written");
}

}  // namespace

void snapshot(const fs::path& database, const fs::path& target) {
  const std::string unique = ".snapshot-" + std::to_string(::getpid());
  const Temporary whole{database.string() + unique};
  const Temporary arriving{target.string() + unique};
  std::error_code ignored;
  fs::remove(whole.path, ignored);
  {
    Connection connection(database, SQLITE_OPEN_READONLY);
    Statement(connection, "VACUUM INTO ?1").bind(whole.path.string()).run();
  }
  copy_synced(whole.path, arriving.path);
  if (::rename(arriving.path.c_str(), target.c_str()) != 0) fail(target, "cannot be replaced");
  const Descriptor folder(target.parent_path(), O_RDONLY | O_DIRECTORY);
  if (folder.get() >= 0) ::fsync(folder.get());  // some file systems cannot, and need not
}

}  // namespace saddle::db
