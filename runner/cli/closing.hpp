#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <db/store.hpp>

#include <cli/command.hpp>
#include <schedule/scheduler.hpp>

namespace saddle::cli {

// <database without .db>.runs: the attempts' folders lie below it, by experiment and trial.
std::filesystem::path runs_folder(const std::filesystem::path& database);

// How the user calls this program: "saddle", or $SADDLE_COMMAND if a wrapper set it; with
// --db when the database is not the default one.
std::string command_line(const Globals& globals);

struct Closing {
  std::int64_t experiment = 0;
  std::string name;
  std::vector<db::TrialInfo> trials;  // as they are now
  schedule::Summary summary;
  double seconds = 0;
};

// The end of a run: what became of the trials, the ranked table, where everything
// is, and three commands worth trying next.
void print_closing(const Closing& closing, const Globals& globals);

}  // namespace saddle::cli
