#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "db/reader.hpp"

namespace saddle::db {

// What the copy shall say otherwise than the original, since its files are copies too.
struct Relocation {
  std::vector<std::pair<std::int64_t, std::string>> folders;  // of attempts, by id
  std::vector<std::int64_t> left_out;                         // artifacts, by id, that have no copy
};

// A copy of the database as it is at this instant, checked page by page before it gets its name; a run
// may be writing. `relocate` is called with the copy before it is final. Returns its size. Throws Error, and
// then there is no copy.
std::uintmax_t backup(const std::filesystem::path& database, const std::filesystem::path& copy,
                      const std::function<Relocation(Reader& copy)>& relocate = {});

}  // namespace saddle::db
