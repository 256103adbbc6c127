#include "db/lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <sstream>
#include <thread>

#include "db/error.hpp"
#include "db/process.hpp"

namespace saddle::db {
namespace {

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts);
  return text.data();
}

std::string content(int fd) {
  std::array<char, 512> text{};
  const ssize_t size = pread(fd, text.data(), text.size() - 1, 0);
  return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : "";
}

constexpr unsigned kFuse = 0x65735546u;

// Of programs in user space those that bring files over a network; others (ntfs-3g
// and other fuseblk, overlays, encryption) are as local as what lies under them.
std::string network_fuse_name(std::string_view mounted_as) {
  constexpr std::string_view kPrefix = "fuse.";
  if (mounted_as.substr(0, kPrefix.size()) != kPrefix) return "";
  const std::string_view program = mounted_as.substr(kPrefix.size());
  for (const std::string_view known :
       {"sshfs", "rclone", "glusterfs", "ceph", "ceph-fuse", "s3fs", "goofys", "gcsfuse", "blobfuse",
        "blobfuse2", "juicefs", "seaweedfs", "mfs", "lizardfs", "davfs", "davfs2", "curlftpfs", "smbnetfs"})
    if (program == known) return std::string(known);
  return "";
}

// The type of the mount under a path: "36 35 0:33 / /mnt rw - fuse.sshfs host:/ rw".
std::string mounted_as(const std::filesystem::path& path) {
  struct stat file {};
  if (stat(path.c_str(), &file) != 0) return "";
  const std::string device = std::to_string(major(file.st_dev)) + ":" + std::to_string(minor(file.st_dev));
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string number, parent, where, word;
    if (!(words >> number >> parent >> where) || where != device) continue;
    while (words >> word && word != "-") continue;
    if (words >> word) return word;
  }
  return "";
}

}  // namespace

LockFile::LockFile(const std::filesystem::path& database, std::chrono::milliseconds wait,
                   const std::function<void(const std::string&)>& notice) {
  const std::string path = database.string() + ".lock";
  fd_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd_ < 0) {
    const ErrorKind kind = errno == ENOSPC || errno == EDQUOT ? ErrorKind::full : ErrorKind::io;
    throw Error(kind, path + ": cannot make the lock file: " + std::strerror(errno) +
                          "; Saddle writes beside the database, choose a folder you may write with --db");
  }
  // Polled, not blocking: a blocked flock would sit through Ctrl-C handlers.
  const auto begin = std::chrono::steady_clock::now();
  bool told = false;
  while (flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      const std::string reason = std::strerror(errno);
      close(fd_);
      throw Error(ErrorKind::io, path + ": cannot lock: " + reason);
    }
    const std::string holder = content(fd_);
    const std::string who =
        database.string() + ": being written by " + (holder.empty() ? "another process" : holder);
    // In milliseconds: max() as nanoseconds would overflow.
    const auto waited =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
    if (waited >= wait) {
      close(fd_);
      throw Error(ErrorKind::locked,
                  who + "; let it end (run and resume take --wait), or choose another file with --db");
    }
    if (!told && notice) notice(who + "; waiting");
    told = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  after_unclean_stop_ = !content(fd_).empty();
  const ProcessId self = this_process();
  const std::string text =
      "process " + std::to_string(self.pid) + " on " + host_name() + " since " + utc_now();
  if (ftruncate(fd_, 0) != 0 ||
      pwrite(fd_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    const std::string reason = std::strerror(errno);
    close(fd_);
    throw Error(ErrorKind::full,
                path + ": cannot write the lock file: " + reason + "; free some space first");
  }
}

LockFile::~LockFile() {
  if (fd_ >= 0) close(fd_);
}

void LockFile::release() {
  if (fd_ < 0) return;
  // Should this fail, the next open only makes one check more than it needs.
  [[maybe_unused]] const int ignored = ftruncate(fd_, 0);
  close(fd_);
  fd_ = -1;
}

std::string network_file_system_name(long type, std::string_view mounted_as) {
  switch (static_cast<unsigned>(type)) {
    case 0x6969u:
      return "NFS";
    case 0x517Bu:
    case 0xFF534D42u:
    case 0xFE534D42u:
      return "SMB";
    case 0x564Cu:
      return "NetWare";
    case 0x00C36400u:
      return "Ceph";
    case 0x0BD00BD0u:
      return "Lustre";
    case 0x47504653u:
      return "GPFS";
    case 0x19830326u:
      return "BeeGFS";
    case 0xAAD7AAEAu:
      return "PanFS";
    case 0x5346414Fu:
    case 0x6B414653u:
      return "AFS";
    case 0x73757245u:
      return "Coda";
    case 0x01021997u:
      return "9P";
    // Disks that several machines write: their locks hold, their shared memory does not.
    case 0x7461636Fu:
      return "OCFS2";
    case 0x01161970u:
      return "GFS2";
    case kFuse:
      return network_fuse_name(mounted_as);
    default:
      return "";
  }
}

std::string network_file_system(const std::filesystem::path& path) {
  struct statfs information {};
  if (statfs(path.c_str(), &information) != 0) return "";
  const bool is_fuse = static_cast<unsigned>(information.f_type) == kFuse;
  return network_file_system_name(information.f_type, is_fuse ? mounted_as(path) : "");
}

}  // namespace saddle::db
