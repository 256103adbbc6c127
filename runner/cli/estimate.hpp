#pragma once
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

#include <grid/plan.hpp>

namespace saddle::cli {

// What the database knows of a plan before it is run.
struct Estimate {
  std::size_t done = 0;      // trials that have a result already
  std::size_t known = 0;     // trials to run whose like has run before
  std::size_t unknown = 0;   // trials to run whose like has not
  std::size_t attempts = 0;  // past attempts that were looked at for it
  int cores = 1;             // to be shared by the trials
  double seconds = 0;        // of the known ones, side by side on the cores
};

// Nothing when there is no database, or none that can be read: a plan needs none.
std::optional<Estimate> estimate(const Plan& plan, const std::filesystem::path& database);

// "4 done already; the other 8 take about 1m20s on 2 cores (from 36 past attempts)";
// "" when there is nothing to say.
std::string describe(const Estimate& estimate);

}  // namespace saddle::cli
