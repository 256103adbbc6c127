#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "db/sqlite.hpp"

// Versions of the file. Private to db/.
namespace saddle::db {

inline constexpr std::int64_t kApplicationId = 0x5341444C;  // "SADL"

struct Migration {
  std::int64_t version;
  std::string_view sql;
};

// What a connection's file is.
enum class FileState { empty, older, current, newer, foreign };

// schema/NNN.sql, in order, as built into the program.
const std::vector<Migration>& bundled_migrations();
std::string_view bundled_views();

FileState inspect(Connection& connection, std::int64_t newest_version);
// Throws the Error that says why a file in this state cannot be used as it is.
[[noreturn]] void refuse(Connection& connection, FileState state, std::int64_t newest_version);

// Brings the file to the newest version in one transaction, after a copy beside
// it if there is anything to copy. Returns the copy's name, or empty. The views
// are made anew. Throws Error (newer, foreign, full ...); then nothing changed.
std::string migrate(Connection& connection, const std::vector<Migration>& migrations, std::string_view views);

}  // namespace saddle::db
