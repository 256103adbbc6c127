#pragma once
#include <filesystem>
#include <optional>
#include <string>

namespace saddle::db {

// Who writes a database.
struct Holder {
  bool alive = false;  // false: it was cut off and left its name
  std::string text;    // "process 4711 on host since 2026-11-23 07:40:12 UTC"
};

// Nothing: nobody, and the last one ended well. Takes no lock, so it never is in
// the way of one that wants to write.
std::optional<Holder> holder_of(const std::filesystem::path& database);

}  // namespace saddle::db
