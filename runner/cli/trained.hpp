#pragma once
#include <cstdint>
#include <filesystem>

#include <cli/command.hpp>
#include <cli/select.hpp>
#include <common/json.hpp>
#include <db/reader.hpp>
#include <grid/catalogue.hpp>

namespace saddle::cli {

// The furthest that a trial has come, as a file.
struct CheckpointFile {
  std::int64_t attempt = 0;  // its id in the store
  std::filesystem::path path;
};
// Of the newest attempt that left one. Throws Error.
CheckpointFile find_checkpoint(db::Reader& reader, const TrialRef& trial);

// Name, experiment, seed and config of a trial, as the worker takes them; without "plugins".
Json trial_request(db::Reader& reader, const TrialRef& trial);

// "0.1,0.5,1": numbers from `least` to `most`. Throws Error that names the option.
std::vector<double> number_list(const std::string& option, const std::string& text, double least,
                                double most);

}  // namespace saddle::cli
