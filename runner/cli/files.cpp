#include <cli/files.hpp>

#include <unistd.h>

#include <array>
#include <cstdio>
#include <iostream>

#include <cli/select.hpp>
#include <common/error.hpp>
#include <common/sha256.hpp>

namespace saddle::cli {

namespace fs = std::filesystem;

std::vector<AttemptFiles> attempt_files(db::Reader& reader) {
  std::vector<AttemptFiles> attempts;
  std::int64_t last = 0;
  for (const auto& row : reader.named("attempt_files").rows) {
    if (attempts.empty() || integer_of(row[0]) != last)
      attempts.push_back({integer_of(row[0]),
                          {integer_of(row[1]), text_of(row[2])},
                          text_of(row[3]),
                          text_of(row[4]),
                          integer_of(row[5]) != 0,
                          integer_of(row[11]) != 0,
                          {}});
    last = integer_of(row[0]);
    if (integer_of(row[6]) != 0)
      attempts.back().artifacts.push_back(
          {integer_of(row[6]), text_of(row[7]), text_of(row[8]), text_of(row[9]), integer_of(row[10])});
  }
  return attempts;
}

fs::path tail_of(const fs::path& folder) {
  const fs::path trial = folder.parent_path();
  return trial.parent_path().filename() / trial.filename() / folder.filename();
}

fs::path folder_now(const db::AttemptFolder& recorded, const fs::path& runs) {
  std::error_code error;
  // First beside the database: of a copied one, what was recorded are the files of the original. Not so an
  // attempt that has another number here than where it was made: it came by a merge, and stayed there.
  fs::path beside = runs / tail_of(recorded.path);
  const std::string name = recorded.path.filename().string(),
                    own = "attempt-" + std::to_string(recorded.number);
  if ((name == own || name.starts_with(own + ".")) && fs::is_directory(beside, error)) return beside;
  return fs::is_directory(recorded.path, error) ? recorded.path : fs::path();
}

fs::path file_of(const AttemptFiles::Artifact& artifact, const fs::path& folder) {
  // Killed between replacing its checkpoint and saying so, a worker has left the one of the row here.
  for (const fs::path& candidate : {folder / artifact.path, folder / "checkpoint.previous.safetensors"}) {
    std::error_code error;
    try {
      if (fs::is_regular_file(candidate, error) && sha256_file(candidate) == artifact.sha256)
        return candidate;
    } catch (const Error&) {  // gone meanwhile, or not ours to read
    }
    if (artifact.kind != "checkpoint") break;
  }
  return {};
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
