#include "db/uri.hpp"

#include <cctype>
#include <string_view>

namespace saddle::db {

std::string uri_of(const std::filesystem::path& path, const std::string& options) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out = "file:";
  for (const unsigned char c : std::filesystem::absolute(path).string()) {
    if (std::isalnum(c) || std::string_view("/._-~").find(static_cast<char>(c)) != std::string_view::npos) {
      out += static_cast<char>(c);
    } else {
      out += '%';
      out += kHex[c >> 4];
      out += kHex[c & 15];
    }
  }
  return out + "?" + options;
}

std::string uri_for_reading(const std::filesystem::path& path) {
  std::error_code error;
  const auto log = std::filesystem::file_size(path.string() + "-wal", error);
  return uri_of(path, !error && log > 0 ? "mode=ro" : "immutable=1");
}

}  // namespace saddle::db
