#include <bridge/library_file.hpp>

#include <elf.h>

#include <cerrno>
#include <cstring>

#include <common/error.hpp>

namespace saddle::worker {
namespace {

// Far more than a library's tables ever hold; a section of a plugin that is larger is not for reading whole.
constexpr uint64_t kMostEntries = 1 << 16, kMostBytes = 1 << 24;

std::string machine_name(uint16_t machine, bool wide, bool little) {
  std::string name;
  switch (machine) {
    case EM_X86_64:
      name = "x86-64";
      break;
    case EM_AARCH64:
      name = "AArch64";
      break;
    case EM_386:
      name = "i386";
      break;
    case EM_ARM:
      name = "ARM";
      break;
    case EM_RISCV:
      name = "RISC-V";
      break;
    case EM_PPC64:
      name = "PowerPC64";
      break;
    case EM_S390:
      name = "S/390";
      break;
    default:
      name = "machine " + std::to_string(machine);
  }
  if (!wide) name += " 32-bit";
  if (!little) name += " big-endian";
  return name;
}

constexpr uint16_t kThisMachine =
#if defined(__x86_64__)
    EM_X86_64;
#elif defined(__aarch64__)
    EM_AARCH64;
#elif defined(__riscv)
    EM_RISCV;
#else
#error "name this machine's ELF number here"
#endif

}  // namespace

std::string LibraryFile::this_machine() { return machine_name(kThisMachine, true, true); }

LibraryFile::LibraryFile(const std::filesystem::path& file) : stream_(file, std::ios::binary) {
  // A folder opens, too.
  if (!stream_ || !std::filesystem::is_regular_file(file))
    throw Error(file.string() + ": cannot be read: " + (stream_ ? "not a file" : std::strerror(errno)));
  size_ = std::filesystem::file_size(file);

  const auto start = read(0, EI_NIDENT + 2 * sizeof(uint16_t));
  if (!start) {  // as much of the magic number as is there
    const auto magic = read(0, SELFMAG);
    elf_ = truncated_ = magic && std::memcmp(magic->data(), ELFMAG, SELFMAG) == 0;
    return;
  }
  const auto byte = [&](size_t i) { return static_cast<unsigned char>((*start)[i]); };
  if (std::memcmp(start->data(), ELFMAG, SELFMAG) != 0) return;
  elf_ = true;
  const bool wide = byte(EI_CLASS) == ELFCLASS64, little = byte(EI_DATA) == ELFDATA2LSB;
  const auto half = [&](size_t i) {
    return static_cast<uint16_t>(little ? byte(i) | byte(i + 1) << 8 : byte(i) << 8 | byte(i + 1));
  };
  shared_ = half(EI_NIDENT) == ET_DYN;
  machine_ = machine_name(half(EI_NIDENT + sizeof(uint16_t)), wide, little);
  if (machine_ != this_machine()) return;

  const auto headers = read_table<Elf64_Ehdr>(0, 1, sizeof(Elf64_Ehdr));
  if (headers.empty()) {
    truncated_ = true;
    return;
  }
  const Elf64_Ehdr& header = headers[0];
  const auto segments = read_table<Elf64_Phdr>(header.e_phoff, header.e_phnum, header.e_phentsize);
  truncated_ = segments.size() != header.e_phnum;
  for (const Elf64_Phdr& s : segments)
    if (s.p_type == PT_LOAD && (s.p_offset > size_ || s.p_filesz > size_ - s.p_offset)) truncated_ = true;
  read_sections(header.e_shoff, header.e_shnum, header.e_shentsize, header.e_shstrndx);
}

std::optional<std::string> LibraryFile::read(uint64_t offset, uint64_t size) const {
  if (offset > size_ || size > size_ - offset || size > kMostBytes) return std::nullopt;
  std::string bytes(size, '\0');
  stream_.clear();
  stream_.seekg(static_cast<std::streamoff>(offset));
  if (!stream_.read(bytes.data(), static_cast<std::streamsize>(size))) return std::nullopt;
  return bytes;
}

// Empty when it is not all there.
template <class T>
std::vector<T> LibraryFile::read_table(uint64_t offset, uint64_t count, uint64_t entry_size) const {
  if (entry_size != sizeof(T) || count > kMostEntries) return {};
  const auto bytes = read(offset, count * entry_size);
  if (!bytes) return {};
  std::vector<T> table(count);
  if (count) std::memcpy(table.data(), bytes->data(), bytes->size());
  return table;
}

void LibraryFile::read_sections(uint64_t offset, uint64_t count, uint64_t entry_size, uint64_t names) {
  const auto table = read_table<Elf64_Shdr>(offset, count, entry_size);
  if (table.size() != count) truncated_ = true;
  if (names >= table.size()) return;
  const auto texts = read(table[names].sh_offset, table[names].sh_size);
  if (!texts) {
    truncated_ = true;
    return;
  }
  for (const Elf64_Shdr& s : table) {
    if (s.sh_type == SHT_NOBITS || s.sh_name >= texts->size()) continue;
    const size_t end = texts->find('\0', s.sh_name);
    if (end == std::string::npos) continue;
    sections_.push_back({texts->substr(s.sh_name, end - s.sh_name), s.sh_offset, s.sh_size});
  }
}

std::optional<std::string> LibraryFile::section(const std::string& name) const {
  std::optional<std::string> all;
  for (const Section& s : sections_) {
    if (s.name != name) continue;
    const auto bytes = read(s.offset, s.size);
    if (!bytes) return std::nullopt;
    all = all.value_or("") + *bytes;
  }
  return all;
}

}  // namespace saddle::worker
