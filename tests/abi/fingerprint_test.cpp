#include <unistd.h>

#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <bridge/fingerprint.hpp>
#include <bridge/library_file.hpp>
#include <bridge/loader.hpp>
#include <common/error.hpp>

using namespace saddle::worker;
using namespace std::string_literals;
namespace fs = std::filesystem;

namespace {

const fs::path kNative = fs::path(PLUGINS) / "loss_native_hinge.so";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

// The value that follows `key=`.
std::string value_of(std::string_view fingerprint, const std::string& key) {
  const size_t at = fingerprint.find(key + "=") + key.size() + 1;
  return std::string(fingerprint.substr(at, fingerprint.find('\0', at) - at));
}

// A copy of the native example, under a name of its own so that it counts as another library, whose
// fingerprint says something else.
struct Forged {
  Forged(const std::string& name, const std::string& from, const std::string& to)
      : file(fs::temp_directory_path() /
             ("saddle-forged-" + name + "-" + std::to_string(::getpid()) + ".so")) {
    std::ifstream stream(kNative, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(stream)), {});
    REQUIRE(from.size() == to.size());
    std::ofstream(file, std::ios::binary) << replaced(bytes, from, to);
  }
  ~Forged() { fs::remove(file); }
  bool is_mapped() const {
    std::ifstream maps("/proc/self/maps");
    const std::string text((std::istreambuf_iterator<char>(maps)), {});
    return text.find(file.filename()) != std::string::npos;
  }
  fs::path file;
};

}  // namespace

TEST_CASE("a native plugin carries the fingerprint of this worker") {
  const auto section = LibraryFile(kNative).section("saddle_native");
  REQUIRE(section);
  CHECK(*section == worker_fingerprint());
  for (const char* key :
       {"libtorch", "libtorch_abi", "cuda", "stdlib", "cxx11_abi", "ndebug", "glibcxx_debug", "sanitizer",
        "sizeof_tensor", "sizeof_tensor_impl", "sizeof_module", "headers", "compiler", "compiler_abi"})
    CHECK_FALSE(value_of(*section, key).empty());
  CHECK(describe_plugin(kNative).at("ok"));
  // Others have none and are not asked.
  CHECK_FALSE(LibraryFile(fs::path(PLUGINS) / "loss_hinge.so").section("saddle_native"));
  CHECK_NOTHROW(check_fingerprint(fs::path(PLUGINS) / "loss_hinge.so"));
}

TEST_CASE("a native plugin of another LibTorch is refused before it is opened") {
  const std::string ours = value_of(worker_fingerprint(), "libtorch");
  std::string theirs = ours;
  theirs.back() = theirs.back() == '9' ? '8' : '9';
  const Forged other("libtorch", "libtorch=" + ours, "libtorch=" + theirs);
  const auto line = describe_plugin(other.file);
  CHECK_FALSE(line.at("ok"));
  CHECK(line.at("error") ==
        "native plugin built with LibTorch " + theirs + ", this worker has " + ours + ": rebuild it");
  CHECK_FALSE(other.is_mapped());
}

TEST_CASE("a native plugin of another compiler is opened all the same") {
  const std::string ours = value_of(worker_fingerprint(), "compiler");
  std::string theirs = ours;
  theirs.back() = theirs.back() == '9' ? '8' : '9';
  const Forged other("compiler", "compiler=" + ours, "compiler=" + theirs);
  CHECK(describe_plugin(other.file).at("ok"));
  CHECK(other.is_mapped());
}

TEST_CASE("the first difference that matters is named with both values") {
  const std::string own = "libtorch=2.11.0\0cxx11_abi=1\0ndebug=on\0compiler=gcc 12\0"s;
  CHECK(compare_fingerprints(own, own).refusal.empty());
  CHECK(compare_fingerprints(own, own).warnings.empty());
  // Two files in one library: both count.
  CHECK(compare_fingerprints(own + own, own).refusal.empty());
  CHECK(compare_fingerprints(own + "\0\0"s + replaced(own, "ndebug=on", "ndebug=off"), own).refusal ==
        "built with NDEBUG off, this worker has on: rebuild it");
  CHECK(compare_fingerprints(replaced(replaced(own, "2.11.0", "2.9.1"), "abi=1", "abi=0"), own).refusal ==
        "built with LibTorch 2.9.1, this worker has 2.11.0: rebuild it");
  CHECK(compare_fingerprints(replaced(own, "abi=1", "abi=0"), own).refusal ==
        "built with the C++11 ABI (_GLIBCXX_USE_CXX11_ABI) 0, this worker has 1: rebuild it");
  CHECK(compare_fingerprints("libtorch=2.11.0"s, own).refusal ==
        "does not say with which C++11 ABI (_GLIBCXX_USE_CXX11_ABI) it was built, this worker has 1: rebuild "
        "it");
  CHECK_FALSE(compare_fingerprints("", own).refusal.empty());
  CHECK_FALSE(compare_fingerprints("\0=\0libtorch\0"s, own).refusal.empty());
  const auto warned = compare_fingerprints(replaced(own, "gcc 12", "gcc 13"), own);
  CHECK(warned.refusal.empty());
  CHECK(warned.warnings ==
        std::vector<std::string>{"built with the compiler gcc 13, this worker with gcc 12"});
}
