#pragma once
#include <filesystem>
#include <string>
#include <string_view>

namespace saddle {

// SHA-256 in lower-case hex (64 characters).
std::string sha256(std::string_view bytes);

// Of a file's content, read in pieces. Throws Error when it cannot be read.
std::string sha256_file(const std::filesystem::path& file);

}  // namespace saddle
