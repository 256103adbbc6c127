#include <elf.h>

#include <catch2/catch.hpp>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include <bridge/library_file.hpp>
#include <common/error.hpp>

using saddle::worker::LibraryFile;
namespace fs = std::filesystem;

namespace {

// A file that lives as long as the test case.
struct Scratch {
  explicit Scratch(const std::string& bytes)
      : path(fs::temp_directory_path() / ("saddle-library-file-" + std::to_string(std::random_device()()))) {
    std::ofstream(path, std::ios::binary) << bytes;
  }
  ~Scratch() { fs::remove(path); }
  fs::path path;
};

std::string bytes_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

const fs::path kPlugin = fs::path(FIXTURES) / "fixture_c_model.so";

template <class T>
void change(std::string& bytes, size_t at, T value) {
  REQUIRE(at + sizeof value <= bytes.size());
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

}  // namespace

TEST_CASE("a library's file is read without opening it") {
  const LibraryFile file(kPlugin);
  CHECK(file.is_elf());
  CHECK(file.is_shared_library());
  CHECK(file.machine() == LibraryFile::this_machine());
  CHECK_FALSE(file.is_truncated());
  REQUIRE(file.section(".dynstr"));
  CHECK(file.section(".dynstr")->find("saddle_plugin_v1") != std::string::npos);
  CHECK_FALSE(file.section("no_such_section"));
  CHECK_FALSE(file.section(".bss"));  // nothing of it is in the file
}

TEST_CASE("what is no library of this machine says so") {
  CHECK_FALSE(LibraryFile(Scratch("not a library\n").path).is_elf());
  CHECK_FALSE(LibraryFile(Scratch("").path).is_elf());
  CHECK_THROWS_WITH(LibraryFile("/absent.so"), Catch::Contains("/absent.so: cannot be read"));
  CHECK_THROWS_WITH(LibraryFile(fs::temp_directory_path()), Catch::Contains("not a file"));

  std::string other = bytes_of(kPlugin);
  change<uint16_t>(other, offsetof(Elf64_Ehdr, e_machine), EM_S390);
  other[EI_DATA] = ELFDATA2MSB;
  std::swap(other[offsetof(Elf64_Ehdr, e_machine)], other[offsetof(Elf64_Ehdr, e_machine) + 1]);
  const Scratch written(other);
  const LibraryFile file(written.path);
  CHECK(file.is_elf());
  CHECK(file.machine() == "S/390 big-endian");
  CHECK_FALSE(file.section(".dynstr"));
}

TEST_CASE("a library that breaks off anywhere is known to") {
  const std::string whole = bytes_of(kPlugin);
  const size_t step = whole.size() / 97;
  for (size_t size = 4; size < whole.size(); size += step) {
    const Scratch part(whole.substr(0, size));
    const LibraryFile file(part.path);
    CAPTURE(size, whole.size());
    CHECK(file.is_elf());
    CHECK(file.is_truncated());
  }
}

TEST_CASE("no number in a library's tables is believed") {
  const std::string whole = bytes_of(kPlugin);
  Elf64_Ehdr header;
  std::memcpy(&header, whole.data(), sizeof header);
  const uint64_t values[] = {0, 1, 0xff, 0xffff, whole.size() - 1, whole.size(), UINT64_MAX, UINT64_MAX - 63};
  size_t read = 0;
  const auto try_reading = [&](const std::string& bytes) {
    const Scratch damaged(bytes);
    const LibraryFile file(damaged.path);
    if (const auto section = file.section(".dynstr")) {
      CHECK(section->size() <= bytes.size());
      ++read;
    }
  };
  for (const uint64_t value : values) {
    for (const size_t at : {offsetof(Elf64_Ehdr, e_shoff), offsetof(Elf64_Ehdr, e_phoff)}) {
      std::string bytes = whole;
      change(bytes, at, value);
      try_reading(bytes);
    }
    for (const size_t at : {offsetof(Elf64_Ehdr, e_shnum), offsetof(Elf64_Ehdr, e_shstrndx),
                            offsetof(Elf64_Ehdr, e_shentsize), offsetof(Elf64_Ehdr, e_phnum)}) {
      std::string bytes = whole;
      change(bytes, at, static_cast<uint16_t>(value));
      try_reading(bytes);
    }
    for (size_t i = 0; i < header.e_shnum; ++i)
      for (const size_t field :
           {offsetof(Elf64_Shdr, sh_offset), offsetof(Elf64_Shdr, sh_size), offsetof(Elf64_Shdr, sh_name)}) {
        std::string bytes = whole;
        const size_t at = header.e_shoff + i * sizeof(Elf64_Shdr) + field;
        if (field == offsetof(Elf64_Shdr, sh_name))
          change(bytes, at, static_cast<uint32_t>(value));
        else
          change(bytes, at, value);
        try_reading(bytes);
      }
  }
  CHECK(read > 0);  // damage elsewhere does not hide the section
}
