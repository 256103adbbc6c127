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
  CHECK(network_file_system_name(0x6969) == "NFS");
  CHECK(network_file_system_name(static_cast<int>(0xFF534D42)) == "SMB");
  CHECK(network_file_system_name(0xEF53).empty());      // ext4
  CHECK(network_file_system_name(0x01021994).empty());  // tmpfs
  const Folder folder;
  CHECK(network_file_system(folder.path()).empty());
}

TEST_CASE("a closed store refuses work") {
  const Folder folder;
  Store store(folder / "a.db");
  store.close();
  CHECK_NOTHROW(store.close());
  expect_error(ErrorKind::usage, "closed", [&] { store.flush(); });
}
