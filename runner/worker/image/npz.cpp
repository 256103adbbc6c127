#include <image/npz.hpp>

#include <ATen/ATen.h>
#include <zlib.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <limits>

#include <common/error.hpp>

namespace saddle::worker {
namespace {

constexpr uint64_t kMost = std::numeric_limits<uint32_t>::max();

void put(std::string& bytes, uint64_t value, int count) {
  for (int i = 0; i < count; ++i) bytes.push_back(static_cast<char>(value >> (8 * i) & 0xff));
}

// The .npy header, version 1.0: magic, its length, a Python literal, padded to 64 bytes.
std::string npy_header(const std::string& name, const at::Tensor& array) {
  const char* type = array.scalar_type() == at::kByte    ? "|u1"
                     : array.scalar_type() == at::kLong  ? "<i8"
                     : array.scalar_type() == at::kFloat ? "<f4"
                                                         : nullptr;
  if (type == nullptr)
    throw Error("npz: array " + name + " is " + c10::toString(array.scalar_type()) +
                "; expected uint8, int64 or float32");
  std::string shape;
  for (const int64_t size : array.sizes()) shape += std::to_string(size) + ", ";
  std::string literal =
      std::string("{'descr': '") + type + "', 'fortran_order': False, 'shape': (" + shape + "), }";
  while ((10 + literal.size() + 1) % 64 != 0) literal += ' ';
  literal += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  put(header, literal.size(), 2);
  return header + literal;
}

struct Entry {
  std::string name;
  uint64_t offset, size;
  uint32_t crc;
};

// What a local header and a central one have in common: stored, 1 January 1980.
void put_fields(std::string& bytes, const Entry& e) {
  put(bytes, 20, 2);      // version needed
  put(bytes, 0, 2);       // flags
  put(bytes, 0, 2);       // method: stored
  put(bytes, 0, 2);       // time
  put(bytes, 0x0021, 2);  // date
  put(bytes, e.crc, 4);
  put(bytes, e.size, 4);
  put(bytes, e.size, 4);
  put(bytes, e.name.size(), 2);
  put(bytes, 0, 2);  // extra
}

}  // namespace

void write_npz(const std::filesystem::path& file,
               const std::vector<std::pair<std::string, at::Tensor>>& arrays) {
  std::filesystem::path temporary = file;
  temporary += ".tmp";
  std::ofstream out(temporary, std::ios::binary);
  std::vector<Entry> entries;
  uint64_t offset = 0;
  const auto write = [&](const void* data, uint64_t size) {
    out.write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
    offset += size;
  };
  const auto fail = [&](const std::string& what, int code) {
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);
    throw Error(file.string() + ": " + what, code);
  };
  for (const auto& [name, tensor] : arrays) {
    const at::Tensor array = tensor.to(at::kCPU).contiguous();
    const std::string header = npy_header(name, array);
    Entry e{name + ".npy", offset, header.size() + array.nbytes(), 0};
    if (offset + e.size > kMost - 65536)
      fail("an .npz holds at most 4 GiB; take fewer samples, or FILE.safetensors", kBadInput);
    uLong crc = ::crc32(0, reinterpret_cast<const Bytef*>(header.data()), static_cast<uInt>(header.size()));
    e.crc = static_cast<uint32_t>(
        ::crc32_z(crc, static_cast<const Bytef*>(array.const_data_ptr()), array.nbytes()));
    std::string local;
    put(local, 0x04034b50, 4);
    put_fields(local, e);
    local += e.name;
    write(local.data(), local.size());
    write(header.data(), header.size());
    write(array.const_data_ptr(), array.nbytes());
    entries.push_back(std::move(e));
  }
  std::string central;
  for (const Entry& e : entries) {
    put(central, 0x02014b50, 4);
    put(central, 20, 2);  // made by
    put_fields(central, e);
    put(central, 0, 2 + 2 + 2 + 4);  // comment, disk, attributes
    put(central, e.offset, 4);
    central += e.name;
  }
  std::string end;
  put(end, 0x06054b50, 4);
  put(end, 0, 4);  // disks
  put(end, entries.size(), 2);
  put(end, entries.size(), 2);
  put(end, central.size(), 4);
  put(end, offset, 4);
  put(end, 0, 2);  // comment
  write(central.data(), central.size());
  write(end.data(), end.size());
  out.close();
  std::error_code error;
  if (!out) error.assign(errno, std::generic_category());
  if (!error) std::filesystem::rename(temporary, file, error);
  if (error) fail("cannot be written: " + error.message(), kEnvironment);
}

}  // namespace saddle::worker
