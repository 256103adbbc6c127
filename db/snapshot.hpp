#pragma once
#include <filesystem>

namespace saddle::db {

// A copy of the database as it is at this instant, at `target`, whole or not at all; one that is there is
// replaced. The target may lie on a network file system and another process may be writing the database: it
// is copied beside itself first, and SQLite never opens the target. Throws Error.
void snapshot(const std::filesystem::path& database, const std::filesystem::path& target);

}  // namespace saddle::db
