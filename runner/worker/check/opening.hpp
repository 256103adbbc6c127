#pragma once
#include <filesystem>

#include <check/report.hpp>

namespace saddle::worker {

// The rules of a file. Tells {"components": [{"kind", "name", "parameters": [names]}, ...]} of what can be
// checked further.
void check_file(const std::filesystem::path& file, Report& report);

}  // namespace saddle::worker
