// A disk that fills up, and one that may not be written: small ones of our own, in a name space that ends
// with the test. Skipped where neither root nor a user name space may mount.
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>

#include "rows.hpp"
#include "victim.hpp"

using namespace saddle::test;
using saddle::Json;
namespace fs = std::filesystem;
using Catch::Matchers::Contains;

namespace {

void put(const char* file, const std::string& text) { std::ofstream(file) << text; }

// Whether this process may mount from now on. Its mounts are its own and go with it.
bool may_mount() {
  static const bool may = [] {
    const auto user = ::getuid(), group = ::getgid();
    if (::unshare(CLONE_NEWNS) != 0) {
      if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
      put("/proc/self/setgroups", "deny");
      put("/proc/self/uid_map", "0 " + std::to_string(user) + " 1");
      put("/proc/self/gid_map", "0 " + std::to_string(group) + " 1");
    }
    return ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  }();
  return may;
}

// A file system in memory, in which Places are made.
class Disk {
 public:
  explicit Disk(const std::string& size) : before_(fs::temp_directory_path()) {
    std::string name = (before_ / "saddle-disk-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    folder_ = name;
    mounted_ = may_mount() && ::mount("saddle-test", name.c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0;
    if (!mounted_)
      std::cout << "skipped: this user may not mount a file system: " << std::strerror(errno) << '\n';
    if (mounted_) ::setenv("TMPDIR", name.c_str(), 1);
  }
  ~Disk() {
    ::setenv("TMPDIR", before_.c_str(), 1);
    if (mounted_) ::umount2(folder_.c_str(), MNT_DETACH);
    std::error_code ignored;
    fs::remove(folder_, ignored);
  }
  Disk(const Disk&) = delete;

  bool mounted() const { return mounted_; }
  void may_be_written(bool may) const {
    REQUIRE(::mount(nullptr, folder_.c_str(), nullptr, MS_REMOUNT | (may ? 0 : MS_RDONLY), nullptr) == 0);
  }
  // Leaves so much room and no more.
  void fill(std::size_t leave) const {
    struct statvfs state {};
    REQUIRE(::statvfs(folder_.c_str(), &state) == 0);
    const std::size_t free = state.f_bavail * state.f_bsize;
    REQUIRE(free > leave);
    std::ofstream(folder_ / "ballast", std::ios::binary) << std::string(free - leave, 'x');
  }
  void make_room() const { fs::remove(folder_ / "ballast"); }

 private:
  fs::path before_, folder_;
  bool mounted_ = false;
};

Json grid() {
  Json grid = small_grid();
  grid["train"]["rounds"] = 40;
  grid["metrics"] = {{{"use", "frechet"}, {"every", 20}, {"samples", 100}}};
  grid["record"]["every"] = 1;
  grid["checkpoint"] = {{"every", 10}};
  grid["seeds"] = {1, 2, 3, 4};
  return grid;
}

std::vector<std::string> committed(const Place& place) {
  std::vector<std::string> rows;
  try {
    rows = rows_of(place / "saddle.db", "SELECT attempt_id, key_id, step, value, kind FROM metric");
  } catch (const std::runtime_error&) {
    // there was no room for a database
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

}  // namespace

TEST_CASE("a disk that fills up loses nothing that was stored, and resume finishes when there is room") {
  const Disk disk("16M");
  if (!disk.mounted()) return;
  std::vector<std::string> truth;
  {
    const Place place;
    REQUIRE(place.saddle({"run", place.write("grid.json", grid())}).code == 0);
    truth = measured(place / "saddle.db");
  }
  int refused = 0, cut_off = 0;
  for (const std::size_t room : {8, 200, 350, 500, 650, 800}) {
    const Place place;
    const std::string file = place.write("grid.json", grid());
    disk.fill(room << 10);
    const auto ran = place.saddle({"run", file, "--jobs", "1"});
    INFO(room << " KiB: exit code " << ran.code << "\n" << ran.out << ran.err);
    CHECK((ran.code == 3 || ran.code == 1));
    // What is in the way, and what to do.
    const std::string said = ran.out + ran.err;
    CHECK_THAT(said, Contains("disk") || Contains("No space left") || Contains("free some space"));
    CHECK_THAT(said, Contains("space") && (Contains("resume") || Contains("free some space")));
    const auto before = committed(place);
    if (before.empty()) {
      ++refused;
    } else {
      ++cut_off;
    }
    disk.make_room();
    auto resumed = place.saddle({"resume", "--jobs", "1"});
    if (resumed.code == 2) resumed = place.saddle({"run", file, "--jobs", "1"});  // nothing was stored
    INFO(resumed.out << resumed.err);
    CHECK(resumed.code == 0);
    CHECK(rows_of(place / "saddle.db", "PRAGMA integrity_check") == std::vector<std::string>{"ok"});
    const auto after = committed(place);
    CHECK(std::includes(after.begin(), after.end(), before.begin(), before.end()));
    const bool same = measured(place / "saddle.db") == truth;
    CHECK(same);
  }
  CHECK(refused >= 1);
  CHECK(cut_off >= 2);
}

TEST_CASE("a folder that may not be written is one clear error, and what is in it can be read") {
  const Disk disk("16M");
  if (!disk.mounted()) return;
  const Place place;
  const std::string file = place.write("grid.json", small_grid());
  SECTION("without a database") {
    disk.may_be_written(false);
    const auto answer = place.saddle({"run", file});
    INFO(answer.out << answer.err);
    CHECK(answer.code == 3);
    CHECK_THAT(answer.err, Contains("saddle.db") && Contains("Read-only file system") && Contains("--db"));
  }
  SECTION("with one") {
    REQUIRE(place.saddle({"run", file}).code == 0);
    disk.may_be_written(false);
    const auto answer = place.saddle({"resume"});
    INFO(answer.out << answer.err);
    CHECK(answer.code == 3);
    CHECK_THAT(answer.err, Contains("saddle.db") && Contains("Read-only file system") && Contains("--db"));
    for (const Arguments& command : {Arguments{"ls"}, Arguments{"best", "--metric", "modes_covered"},
                                     Arguments{"show", "1"}, Arguments{"sql", "select * from finals"}}) {
      const auto read = place.saddle(command);
      INFO(command[0] << ": " << read.err);
      CHECK(read.code == 0);
    }
  }
  disk.may_be_written(true);
}
