#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

// Native plugins, which share LibTorch's C++ objects with the worker, must have been built as the worker was.
namespace saddle::worker {

struct FingerprintDifference {
  std::string refusal;  // the first difference that forbids to open the library; empty: none does
  std::vector<std::string> warnings;  // differences that should not matter
};

// `found` is what lies in the library's section, `own` the worker's: "key=value" texts ended by NULs, several
// of one key where the library was made of several files.
FingerprintDifference compare_fingerprints(std::string_view found, std::string_view own);

std::string_view worker_fingerprint();

// Throws saddle::Error, naming the field and both values, when the file is a native plugin that does not fit
// this worker; says on stderr what differs without mattering. Reads the file only: nothing of it has run yet.
// Other files pass.
void check_fingerprint(const std::filesystem::path& file);

// The folder of this worker's LibTorch, with lib/ and, if it was not taken apart, include/: what native
// plugins are built with.
std::filesystem::path libtorch_folder();

}  // namespace saddle::worker
