// A safetensors file: its length, its header, and as many bytes of data as are left.
#include <cstddef>
#include <cstdint>
#include <string>

#include <common/error.hpp>
#include <common/safetensors.hpp>

using namespace saddle;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* bytes = reinterpret_cast<const char*>(data);
  char first[8] = {};
  std::copy(bytes, bytes + std::min<size_t>(size, 8), first);
  try {
    const uint64_t header = safetensors_header_bytes(first, size, "x");
    const uint64_t left = size - 8 - header;
    const SafetensorsHeader read = read_safetensors_header(std::string(bytes + 8, header), left, "x");
    // What a reader does with each: so many elements, from these bytes.
    uint64_t end = 0;
    for (const SafetensorsEntry& entry : read.entries) {
      uint64_t elements = 1;
      for (const int64_t n : entry.shape) elements *= static_cast<uint64_t>(n);
      const bool fits = entry.begin == end && entry.end >= entry.begin && entry.end <= left &&
                        elements * safetensors_element_bytes(entry.dtype) == entry.end - entry.begin;
      if (!fits) __builtin_trap();
      end = entry.end;
    }
    if (end != left) __builtin_trap();
  } catch (const Error&) {
  }
  return 0;
}
