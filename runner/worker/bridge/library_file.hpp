#pragma once
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

// What the file of a shared library says, read as plain bytes: nothing of it is
// run, and no number in it is believed before it is checked against the file's size.
namespace saddle::worker {

class LibraryFile {
 public:
  // Throws saddle::Error when the file cannot be read. Anything may be in it.
  explicit LibraryFile(const std::filesystem::path& file);

  bool is_elf() const { return elf_; }
  // A library, as opposed to a program, an object file or a core.
  bool is_shared_library() const { return shared_; }
  // "x86-64", "AArch64", with "32-bit" or "big-endian" where that differs from a 64-bit
  // little-endian machine; "machine 999" for what has no name here. Empty when this is no ELF file.
  const std::string& machine() const { return machine_; }
  static std::string this_machine();
  // Something that the file's own tables promise lies past its end: a download that broke off.
  // The dynamic linker would die of SIGBUS.
  bool is_truncated() const { return truncated_; }

  // The bytes of the section of that name, all of them where there are several; nullopt where there is
  // none or where the tables are damaged. Only of files for this machine.
  std::optional<std::string> section(const std::string& name) const;

 private:
  struct Section {
    std::string name;
    uint64_t offset, size;
  };
  std::optional<std::string> read(uint64_t offset, uint64_t size) const;
  template <class T>
  std::vector<T> read_table(uint64_t offset, uint64_t count, uint64_t entry_size) const;
  void read_sections(uint64_t offset, uint64_t count, uint64_t entry_size, uint64_t names);

  mutable std::ifstream stream_;
  uint64_t size_ = 0;
  bool elf_ = false, shared_ = false, truncated_ = false;
  std::string machine_;
  std::vector<Section> sections_;
};

}  // namespace saddle::worker
