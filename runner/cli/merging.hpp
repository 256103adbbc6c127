#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include <cli/command.hpp>
#include <db/store.hpp>

namespace saddle::cli {

// The databases in a folder, by name.
std::vector<std::filesystem::path> shards_in(const std::filesystem::path& folder);

void add(db::MergeCounts& sum, const db::MergeCounts& counts);
// "2 results, 3 attempts, 400 metric rows, 5 artifacts"
std::string said(const db::MergeCounts& counts);

}  // namespace saddle::cli
