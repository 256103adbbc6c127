// Safetensors files as data sets need them: a few whole tensors in memory, every size checked.
#pragma once
#include "files.hpp"

#include <nlohmann/json.hpp>

#include <fstream>
#include <unistd.h>

#include <map>

namespace saddle::files {

struct StoredTensor {
  std::string dtype;  // "U8", "I64", "F32" ...
  std::vector<int64_t> shape;
  std::vector<uint8_t> bytes;
};

struct Safetensors {
  std::map<std::string, StoredTensor> tensors;
  std::map<std::string, std::string> metadata;
};

inline int64_t bytes_of_dtype(const std::string& dtype) {
  static const std::map<std::string, int64_t> sizes = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"I16", 2}, {"U16", 2}, {"F16", 2}, {"BF16", 2},
      {"I32", 4},  {"U32", 4}, {"F32", 4}, {"F64", 8}, {"I64", 8}, {"U64", 8}};
  const auto found = sizes.find(dtype);
  return found == sizes.end() ? 0 : found->second;
}

// Reads the file whole (gzip is undone). Any offset, shape or size that does not fit is an error.
inline Safetensors read_safetensors(const std::filesystem::path& file, std::string_view remedy) {
  const std::vector<uint8_t> content = read(file, remedy);
  uint64_t header_size = 0;
  for (size_t i = 0; i < 8 && i < content.size(); ++i)
    header_size |= static_cast<uint64_t>(content[i]) << (8 * i);
  if (content.size() < 8 || header_size > content.size() - 8)
    fail(file, "this is no safetensors file: its header is longer than the file", remedy);
  const auto* text = reinterpret_cast<const char*>(content.data()) + 8;
  const nlohmann::json header = nlohmann::json::parse(text, text + header_size, nullptr, false);
  if (!header.is_object()) fail(file, "the header of this safetensors file is no JSON object", remedy);
  const std::span<const uint8_t> data(content.data() + 8 + header_size, content.size() - 8 - header_size);
  Safetensors result;
  for (const auto& [name, entry] : header.items()) {
    try {
      if (name == "__metadata__") {
        result.metadata = entry.get<std::map<std::string, std::string>>();
        continue;
      }
      StoredTensor tensor{
          entry.at("dtype").get<std::string>(), entry.at("shape").get<std::vector<int64_t>>(), {}};
      const auto [begin, end] = entry.at("data_offsets").get<std::pair<uint64_t, uint64_t>>();
      uint64_t wanted = static_cast<uint64_t>(bytes_of_dtype(tensor.dtype));
      for (const int64_t size : tensor.shape) {
        if (size < 0 || (size > 0 && wanted > data.size() / static_cast<uint64_t>(size)))
          throw std::out_of_range("shape");
        wanted *= static_cast<uint64_t>(size);
      }
      if (begin > end || end > data.size() || end - begin != wanted) throw std::out_of_range("offsets");
      tensor.bytes.assign(data.begin() + static_cast<std::ptrdiff_t>(begin),
                          data.begin() + static_cast<std::ptrdiff_t>(end));
      result.tensors.emplace(name, std::move(tensor));
    } catch (const std::exception&) {
      fail(file, "the entry \"" + name + "\" does not fit the file: it is damaged or cut off", remedy);
    }
  }
  return result;
}

// Writes to a temporary name first. False when the folder cannot be written.
inline bool write_safetensors(const std::filesystem::path& file, const Safetensors& content) {
  nlohmann::json header = {{"__metadata__", content.metadata}};
  uint64_t offset = 0;
  for (const auto& [name, tensor] : content.tensors) {
    header[name] = {{"dtype", tensor.dtype},
                    {"shape", tensor.shape},
                    {"data_offsets", {offset, offset + tensor.bytes.size()}}};
    offset += tensor.bytes.size();
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::error_code error;
  std::filesystem::create_directories(file.parent_path(), error);
  std::filesystem::path temporary = file;
  temporary += ".writing-" + std::to_string(::getpid());
  {
    std::ofstream out(temporary, std::ios::binary);
    for (int i = 0; i < 8; ++i) out.put(static_cast<char>(text.size() >> (8 * i)));
    out << text;
    for (const auto& [name, tensor] : content.tensors)
      out.write(reinterpret_cast<const char*>(tensor.bytes.data()),
                static_cast<std::streamsize>(tensor.bytes.size()));
    if (!out.flush()) {
      out.close();
      std::filesystem::remove(temporary, error);
      return false;
    }
  }
  std::filesystem::rename(temporary, file, error);
  return !error;
}

}  // namespace saddle::files
