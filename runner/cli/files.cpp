#include <cli/files.hpp>

#include <unistd.h>

#include <array>
#include <cstdio>
#include <iostream>

#include <cli/select.hpp>
#include <common/error.hpp>

namespace saddle::cli {

namespace fs = std::filesystem;

std::vector<AttemptFiles> attempt_files(db::Reader& reader) {
  std::vector<AttemptFiles> attempts;
  std::int64_t last = 0;
  for (const auto& row : reader.named("attempt_files").rows) {
    if (attempts.empty() || integer_of(row[0]) != last)
      attempts.push_back({text_of(row[1]), text_of(row[2]), integer_of(row[3]) != 0, {}});
    last = integer_of(row[0]);
    if (!text_of(row[5]).empty())
      attempts.back().artifacts.push_back(
          {text_of(row[4]), text_of(row[5]), text_of(row[6]), integer_of(row[7])});
  }
  return attempts;
}

fs::path tail_of(const fs::path& folder) {
  const fs::path trial = folder.parent_path();
  return trial.parent_path().filename() / trial.filename() / folder.filename();
}

fs::path folder_now(const fs::path& recorded, const fs::path& runs) {
  std::error_code error;
  // First beside the database: of a copied one, what was recorded are the files of the original.
  const fs::path beside = runs / tail_of(recorded);
  if (fs::is_directory(beside, error)) return beside;
  return fs::is_directory(recorded, error) ? recorded : fs::path();
}

bool is_inside(const fs::path& path, const fs::path& folder) {
  std::error_code error;
  const fs::path inner = fs::weakly_canonical(path, error), outer = fs::weakly_canonical(folder, error);
  const fs::path relative = inner.lexically_relative(outer);
  return !relative.empty() && *relative.begin() != ".." && *relative.begin() != ".";
}

std::uintmax_t size_of(const fs::path& path) {
  std::error_code error;
  if (fs::is_regular_file(fs::symlink_status(path, error))) return fs::file_size(path, error);
  std::uintmax_t sum = 0;
  for (fs::recursive_directory_iterator it(path, error), end; !error && it != end; it.increment(error))
    if (it->is_regular_file(error) && !it->is_symlink(error)) sum += it->file_size(error);
  return sum;
}

std::string size_text(std::uintmax_t bytes) {
  constexpr std::array<const char*, 5> kUnits{"bytes", "kB", "MB", "GB", "TB"};
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; size >= 1000 && unit + 1 < kUnits.size(); size /= 1000) ++unit;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", size, kUnits[unit]);
  return text.data();
}

bool remove_in(const fs::path& path, const fs::path& runs) {
  if (!is_inside(path, runs)) return false;
  std::error_code error;
  fs::remove_all(path, error);
  if (error) return false;
  for (fs::path above = path.parent_path(); is_inside(above, runs); above = above.parent_path())
    if (!fs::is_empty(above, error) || error || !fs::remove(above, error)) break;
  return true;
}

bool confirmed(const std::string& question) {
  if (isatty(STDIN_FILENO) == 0)
    throw Error(question + " Nobody to ask here, so nothing was removed; --yes removes it");
  std::cerr << question << " [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace saddle::cli
