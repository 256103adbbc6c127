#pragma once
#include <cstdint>
#include <filesystem>

namespace saddle::db {

// A copy of the database as it is at this instant, checked page by page before it gets its name; a run
// may be writing. Returns its size. Throws Error, and then there is no copy.
std::uintmax_t backup(const std::filesystem::path& database, const std::filesystem::path& copy);

}  // namespace saddle::db
