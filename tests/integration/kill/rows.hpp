#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace saddle::test {

// Rows of a query, a text each in which every bit of a number shows. Reads the file past saddle, whatever
// state it is in, and changes nothing in it. When it cannot be read: throws std::runtime_error.
std::vector<std::string> rows_of(const std::filesystem::path& database, const std::string& query);

// Every number that a run has measured, but those of the clock.
std::vector<std::string> measured(const std::filesystem::path& database);

}  // namespace saddle::test
