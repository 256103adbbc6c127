#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

// The header of a safetensors file (https://huggingface.co/docs/safetensors): 8 bytes with its length, JSON,
// then the bytes of the tensors. Everything in it is checked here, by whoever reads the tensors themselves:
// names are unique, offsets lie in the file, tensors leave no gap and do not overlap, and sizes follow from
// dtype and shape.
namespace saddle {

struct SafetensorsEntry {
  std::string name;
  std::string dtype;  // F64 F32 F16 BF16 I64 I32 U8 BOOL
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;  // bytes, from the end of the header
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // in the order of the data
  std::map<std::string, std::string> metadata;
};

// How long the JSON is, from the first 8 bytes of a file of `file_bytes`. Throws Error, naming the file, when
// there is no such header: too few bytes, more than there are, or more than 100 MB.
std::uint64_t safetensors_header_bytes(const char* first_8, std::uint64_t file_bytes,
                                       const std::string& file);

// The header itself; `data_bytes` follow it in the file. Throws Error naming the file, the tensor, what was
// found and what was expected.
SafetensorsHeader read_safetensors_header(std::string json, std::uint64_t data_bytes,
                                          const std::string& file);

// Bytes of one element; 0 for a dtype that is not among those above.
std::uint64_t safetensors_element_bytes(const std::string& dtype);

}  // namespace saddle
