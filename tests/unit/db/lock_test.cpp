#include <thread>

#include "db/lock.hpp"
#include "fixture.hpp"

using namespace saddle::db;
using namespace saddle::db::test;

TEST_CASE("a second writer is told who holds the database") {
  const Folder folder;
  Store first(folder / "a.db");
  expect_error(ErrorKind::locked, "process " + std::to_string(getpid()) + " on " + host_name(),
               [&] { Store second(folder / "a.db"); });
  first.close();
  CHECK_NOTHROW(Store(folder / "a.db"));
}

TEST_CASE("a second writer that waits gets its turn") {
  const Folder folder;
  auto first = std::make_unique<Store>(folder / "a.db");
  std::vector<std::string> notices;
  std::thread waiter([&] {
    Store second(folder / "a.db",
                 {.wait = std::chrono::milliseconds::max(), .notice = [&](const std::string& text) {
                    notices.push_back(text);
                    first.reset();  // it was told; now the first may go
                  }});
    one_trial(second);
  });
  waiter.join();
  REQUIRE(notices.size() == 1);
  CHECK(notices[0].find("waiting") != std::string::npos);
  Reader reader(folder / "a.db");
  CHECK(count(reader, "SELECT count(*) FROM trials") == 1);
}

TEST_CASE("a wait that is too short ends with the holder's name") {
  const Folder folder;
  Store first(folder / "a.db");
  expect_error(ErrorKind::locked, "being written by process",
               [&] { Store second(folder / "a.db", {.wait = std::chrono::milliseconds(60)}); });
}

TEST_CASE("network file systems are known by their magic") {
  const std::pair<long, const char*> network[] = {
      {0x6969, "NFS"},       {0x517B, "SMB"},        {0xFF534D42, "SMB"},   {0xFE534D42, "SMB"},
      {0x00C36400, "Ceph"},  {0x0BD00BD0, "Lustre"}, {0x47504653, "GPFS"},  {0x19830326, "BeeGFS"},
      {0x5346414F, "AFS"},   {0x6B414653, "AFS"},    {0x73757245, "Coda"},  {0x01021997, "9P"},
      {0x7461636F, "OCFS2"}, {0x01161970, "GFS2"},   {0xAAD7AAEA, "PanFS"}, {0x564C, "NetWare"}};
  for (const auto& [type, name] : network) {
    CHECK(network_file_system_name(type) == name);
    CHECK(network_file_system_name(static_cast<int>(type)) == name);  // as 32-bit machines have it
  }
  // ext, XFS, Btrfs, tmpfs, overlay, ZFS, F2FS, ramfs
  for (const long type :
       {0xEF53L, 0x58465342L, 0x9123683EL, 0x01021994L, 0x794C7630L, 0x2FC12FC1L, 0xF2F52010L, 0x858458F6L})
    CHECK(network_file_system_name(type).empty());
  const Folder folder;
  CHECK(network_file_system(folder.path()).empty());
}

TEST_CASE("of file systems in user space those over a network are known by their mount") {
  constexpr long kFuse = 0x65735546;
  for (const char* program : {"sshfs", "rclone", "glusterfs", "ceph-fuse", "s3fs", "gcsfuse", "juicefs"})
    CHECK(network_file_system_name(kFuse, std::string("fuse.") + program) == program);
  // ntfs-3g, an overlay without root, encryption, one that nobody knows, and one that is not in the list
  for (const char* mount : {"fuseblk", "fuse.fuse-overlayfs", "fuse.gocryptfs", "fuse", "", "sshfs"})
    CHECK(network_file_system_name(kFuse, mount).empty());
  CHECK(network_file_system_name(0xEF53, "fuse.sshfs").empty());
}

TEST_CASE("a closed store refuses work") {
  const Folder folder;
  Store store(folder / "a.db");
  store.close();
  CHECK_NOTHROW(store.close());
  expect_error(ErrorKind::usage, "closed", [&] { store.flush(); });
}
