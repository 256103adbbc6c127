#pragma once
#include <ATen/ATen.h>

#include <filesystem>
#include <map>
#include <string>

namespace saddle::train {

// A safetensors file: 8 bytes of header length, a JSON header, the bytes of the
// tensors (https://huggingface.co/docs/safetensors). Dtypes: F64 F32 F16 BF16
// I64 I32 U8 BOOL.
struct Safetensors {
  std::map<std::string, at::Tensor> tensors;  // contiguous, on the CPU
  std::map<std::string, std::string> metadata;
};

// Throws Error naming the file and what is wrong with it: a header over 100 MB
// or that is not strict JSON, offsets outside the file, overlaps or gaps between
// tensors, sizes that do not follow from dtype and shape, other dtypes.
Safetensors read_safetensors(const std::filesystem::path& file);

// Writes to FILE.tmp, waits for the disk, then renames: FILE is the old or the
// new one at every moment, also when the process is killed. Tensors may be on any
// device and have any strides. Throws Error (exit code 3) when the disk refuses.
void write_safetensors(const std::filesystem::path& file, const std::map<std::string, at::Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace saddle::train
