#pragma once
#include <ATen/ATen.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace saddle::train {

// A safetensors file: 8 bytes of header length, a JSON header, the bytes of the
// tensors (https://huggingface.co/docs/safetensors). Dtypes: F64 F32 F16 BF16
// I64 I32 U8 BOOL.
struct Safetensors {
  std::map<std::string, at::Tensor> tensors;  // contiguous, on the CPU
  std::map<std::string, std::string> metadata;
};

// The same, opened and checked, of which tensors are read one by one.
class SafetensorsFile {
 public:
  // Throws Error naming the file and what is wrong with it: a header over 100 MB
  // or that is not strict JSON, offsets outside the file, overlaps or gaps between
  // tensors, sizes that do not follow from dtype and shape, other dtypes.
  explicit SafetensorsFile(const std::filesystem::path& file);
  ~SafetensorsFile();
  SafetensorsFile(SafetensorsFile&&) noexcept;

  const std::vector<std::string>& names() const;  // in the order of the data
  const std::map<std::string, std::string>& metadata() const;
  // Contiguous, on the CPU. Throws Error for an unknown name, or when the file has become shorter.
  at::Tensor read(const std::string& name) const;

 private:
  struct Contents;
  std::unique_ptr<Contents> contents_;
};

// All of it. Throws Error as SafetensorsFile does.
Safetensors read_safetensors(const std::filesystem::path& file);

// Writes to FILE.tmp, waits for the disk, then renames: FILE is the old or the
// new one at every moment, also when the process is killed. Tensors may be on any
// device and have any strides. Throws Error (exit code 3) when the disk refuses.
void write_safetensors(const std::filesystem::path& file, const std::map<std::string, at::Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace saddle::train
