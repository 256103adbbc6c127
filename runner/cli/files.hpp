#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <db/reader.hpp>
#include <db/store.hpp>

// The files that trials leave beside the database, as rm, gc and verify see them.
namespace saddle::cli {

// One attempt's row and folder.
struct AttemptFiles {
  std::int64_t id = 0;
  db::AttemptFolder folder;  // as recorded
  std::string trial, experiment;
  bool running = false, done = false;
  struct Artifact {
    std::int64_t id = 0;
    std::string kind, path, sha256;
    std::int64_t bytes = 0;
  };
  std::vector<Artifact> artifacts;
};

std::vector<AttemptFiles> attempt_files(db::Reader& reader);

// <experiment>/<trial>/attempt-<n>: what stays the same when database and files are moved.
std::filesystem::path tail_of(const std::filesystem::path& folder);

// Where the files of an attempt are now: beside the database, or failing that where it was
// recorded. Empty if neither is there.
std::filesystem::path folder_now(const db::AttemptFolder& recorded, const std::filesystem::path& runs);

// The file in `folder` that has the content of an artifact; empty if none has.
std::filesystem::path file_of(const AttemptFiles::Artifact& artifact, const std::filesystem::path& folder);

// True if `path` lies in `folder`, symbolic links resolved.
bool is_inside(const std::filesystem::path& path, const std::filesystem::path& folder);

std::uintmax_t size_of(const std::filesystem::path& path);  // of all files in it, if it is a folder
std::string size_text(std::uintmax_t bytes);                // "3.1 MB"

// Removes a file or folder in `runs`, and then the folders above it that are empty. False if it could not.
bool remove_in(const std::filesystem::path& path, const std::filesystem::path& runs);

// "Remove ...? [y/N] " on a terminal; without one an Error that names --yes.
bool confirmed(const std::string& question);

}  // namespace saddle::cli
