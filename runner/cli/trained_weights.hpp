#pragma once
#include <filesystem>

#include <grid/catalogue.hpp>

namespace saddle::cli {

// How grids find the checkpoints that they name by experiment or trial in this database.
FindTrained find_trained_in(const std::filesystem::path& database);

}  // namespace saddle::cli
