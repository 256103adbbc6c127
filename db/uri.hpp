#pragma once
#include <filesystem>
#include <string>

// Names of files as SQLite takes them with options. Private to db/.
namespace saddle::db {

// "file:/a%20b.db?immutable=1"
std::string uri_of(const std::filesystem::path& path, const std::string& options);

// How to read a database that lies there: as one that nobody changes, or, where a log lies beside it that is
// not in the file yet, together with that.
std::string uri_for_reading(const std::filesystem::path& path);

}  // namespace saddle::db
