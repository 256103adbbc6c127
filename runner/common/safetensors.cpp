#include <common/safetensors.hpp>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include <common/error.hpp>
#include <common/json.hpp>

namespace saddle {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian");

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the reference implementation's limit
constexpr std::size_t kMostDimensions = 64;             // as many as LibTorch prints and iterates over
constexpr std::uint64_t kMostElements = std::numeric_limits<std::int64_t>::max();

struct Dtype {
  const char* name;
  std::uint64_t bytes;
};
constexpr Dtype kDtypes[] = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2},
                             {"I64", 8}, {"I32", 4}, {"U8", 1},  {"BOOL", 1}};

// A value as a message shows it, however long it is and whatever bytes are in it.
std::string short_text(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() <= 80 ? text : text.substr(0, 77) + "...";
}

// A count that the header gives as a non-negative JSON integer.
std::uint64_t count_of(const Json& value, const std::string& where) {
  if (!value.is_number_unsigned()) throw Error(where + ": found " + short_text(value) + ", expected a count");
  return value.get<std::uint64_t>();
}

// Bytes of the whole; checked without regard to dimensions of size 0, since strides are made of the others.
std::uint64_t bytes_of(SafetensorsEntry& entry, const Json& shape, const std::string& where) {
  if (shape.size() > kMostDimensions)
    throw Error(where + ": a shape of " + std::to_string(shape.size()) + " dimensions; at most " +
                std::to_string(kMostDimensions) + " are read");
  std::uint64_t bytes = safetensors_element_bytes(entry.dtype);
  bool empty = false;
  for (const Json& size : shape) {
    const std::uint64_t n = count_of(size, where);
    if (n > kMostElements || (n > 0 && __builtin_mul_overflow(bytes, n, &bytes)) || bytes > kMostElements)
      throw Error(where + ": shape " + short_text(shape) + " is too large");
    empty = empty || n == 0;
    entry.shape.push_back(static_cast<std::int64_t>(n));
  }
  return empty ? 0 : bytes;
}

SafetensorsEntry read_entry(const std::string& name, const Json& json, std::uint64_t data_bytes,
                            const std::string& file) {
  const std::string where = file + ": tensor \"" + name + "\"";
  if (!json.is_object() || json.size() != 3 || !json.contains("dtype") || !json.contains("shape") ||
      !json.contains("data_offsets"))
    throw Error(where + ": expected dtype, shape and data_offsets");
  const Json &dtype = json["dtype"], &shape = json["shape"], &offsets = json["data_offsets"];
  if (!dtype.is_string() || safetensors_element_bytes(dtype.get_ref<const std::string&>()) == 0)
    throw Error(where + ": dtype " + short_text(dtype) + " is not among F64 F32 F16 BF16 I64 I32 U8 BOOL");
  if (!shape.is_array() || !offsets.is_array() || offsets.size() != 2)
    throw Error(where + ": expected a list of sizes and two offsets");
  SafetensorsEntry entry{
      name, dtype.get<std::string>(), {}, count_of(offsets[0], where), count_of(offsets[1], where)};
  if (entry.begin > entry.end || entry.end > data_bytes)
    throw Error(where + ": offsets " + short_text(offsets) + " lie outside the " +
                std::to_string(data_bytes) + " bytes of data");
  const std::uint64_t bytes = bytes_of(entry, shape, where);
  if (bytes != entry.end - entry.begin)
    throw Error(where + ": " + std::to_string(entry.end - entry.begin) + " bytes of data, but dtype " +
                entry.dtype + " and shape " + short_text(shape) + " make " + std::to_string(bytes));
  return entry;
}

void check_coverage(std::vector<SafetensorsEntry>& entries, std::uint64_t data_bytes,
                    const std::string& file) {
  std::sort(entries.begin(), entries.end(), [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t expected = 0;
  for (const SafetensorsEntry& entry : entries) {
    if (entry.begin != expected)
      throw Error(file + ": tensor \"" + entry.name + "\" " +
                  (entry.begin < expected ? "overlaps another" : "leaves a gap before it"));
    expected = entry.end;
  }
  if (expected != data_bytes)
    throw Error(file + ": " + std::to_string(data_bytes - expected) + " bytes after the last tensor");
}

}  // namespace

std::uint64_t safetensors_element_bytes(const std::string& dtype) {
  for (const Dtype& known : kDtypes)
    if (dtype == known.name) return known.bytes;
  return 0;
}

std::uint64_t safetensors_header_bytes(const char* first_8, std::uint64_t file_bytes,
                                       const std::string& file) {
  if (file_bytes < 8)
    throw Error(file + ": " + std::to_string(file_bytes) + " bytes are too few for a safetensors file");
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, first_8, sizeof bytes);
  if (bytes > file_bytes - 8)
    throw Error(file + ": not a safetensors file, or cut short: the header should have " +
                std::to_string(bytes) + " bytes, " + std::to_string(file_bytes - 8) + " are left");
  if (bytes > kMaxHeaderBytes) throw Error(file + ": the header is larger than 100 MB");
  return bytes;
}

SafetensorsHeader read_safetensors_header(std::string json, std::uint64_t data_bytes,
                                          const std::string& file) {
  const Document document = Document::parse(std::move(json), file + " (header)");
  const Json& root = document.root();
  if (!root.is_object()) throw Error(file + ": the header is not a JSON object");
  SafetensorsHeader header;
  for (const auto& [name, value] : root.items()) {
    if (name != "__metadata__") {
      header.entries.push_back(read_entry(name, value, data_bytes, file));
      continue;
    }
    if (!value.is_object()) throw Error(file + ": __metadata__ is not an object");
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string()) throw Error(file + ": __metadata__ \"" + key + "\" is not a text");
      header.metadata[key] = text.get<std::string>();
    }
  }
  check_coverage(header.entries, data_bytes, file);
  return header;
}

}  // namespace saddle
