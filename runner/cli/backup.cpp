#include <unistd.h>

#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include <cli/closing.hpp>
#include <cli/command.hpp>
#include <cli/files.hpp>
#include <common/error.hpp>
#include <common/sha256.hpp>
#include <db/backup.hpp>
#include <db/reader.hpp>

// saddle backup: a copy of the database and its files, also while a run writes them.
namespace saddle::cli {
namespace {

namespace fs = std::filesystem;

// A checkpoint that is replaced between the copy of its row and its own is looked for in a newer copy of the
// rows.
constexpr int kRounds = 5;

struct Replaced {};  // thrown through db::backup, to begin anew

// The files of the trials, copied to a folder that gets its name when all is there.
class Files {
 public:
  Files(const fs::path& database, fs::path target)
      : runs_(runs_folder(database)), target_(std::move(target)), partial_(target_.string() + ".part") {
    remove_partial();
  }
  ~Files() { remove_partial(); }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  // All that the copied database names. In the last round what is gone is left out of it.
  db::Relocation copy(db::Reader& database, bool last_round) {
    db::Relocation relocation;
    copied_ = bytes_ = 0;
    missing_.clear();
    for (const AttemptFiles& attempt : attempt_files(database)) {
      const fs::path tail =
          fs::path(attempt.experiment) / attempt.trial / ("attempt-" + std::to_string(attempt.folder.number));
      relocation.folders.emplace_back(attempt.id, (target_ / tail).string());
      copy_attempt(attempt, tail, last_round, relocation);
    }
    return relocation;
  }

  void take_place() {
    std::error_code error;
    if (!fs::exists(partial_, error)) return;
    fs::remove_all(target_, error);
    fs::rename(partial_, target_);
  }

  std::size_t copied() const { return copied_; }
  std::uintmax_t bytes() const { return bytes_; }
  const std::vector<std::string>& missing() const { return missing_; }

 private:
  void copy_attempt(const AttemptFiles& attempt, const fs::path& tail, bool last_round,
                    db::Relocation& relocation) {
    const fs::path from = folder_now(attempt.folder, runs_), to = partial_ / tail;
    if (!from.empty()) {
      fs::create_directories(to);
      std::error_code error;
      for (const char* name : {"trial.json", "output.log"})
        if (fs::is_regular_file(fs::symlink_status(from / name, error)))
          fs::copy_file(from / name, to / name, fs::copy_options::overwrite_existing);
    }
    for (const auto& artifact : attempt.artifacts) {
      if (!from.empty() && copy_artifact(artifact, from, to / artifact.path)) continue;
      if (attempt.running && !last_round) throw Replaced{};
      if (attempt.running)
        relocation.left_out.push_back(artifact.id);
      else
        missing_.push_back((attempt.folder.path / artifact.path).string());
    }
  }

  // The copy is what counts: the file may be replaced while it is read.
  bool copy_artifact(const AttemptFiles::Artifact& artifact, const fs::path& from, const fs::path& to) {
    const fs::path file = file_of(artifact, from);
    if (file.empty()) return false;
    fs::create_directories(to.parent_path());
    std::error_code error;
    if (!fs::copy_file(file, to, fs::copy_options::overwrite_existing, error)) {
      if (error == std::errc::no_such_file_or_directory) return false;
      throw fs::filesystem_error("cannot copy", file, to, error);
    }
    if (sha256_file(to) != artifact.sha256) return false;
    ++copied_;
    bytes_ += static_cast<std::uintmax_t>(artifact.bytes);
    return true;
  }

  void remove_partial() {
    std::error_code ignored;
    fs::remove_all(partial_, ignored);
  }

  fs::path runs_, target_, partial_;
  std::size_t copied_ = 0;
  std::uintmax_t bytes_ = 0;
  std::vector<std::string> missing_;
};

void expect_usable(const fs::path& database, const fs::path& copy, bool force) {
  std::error_code ignored;
  if (!fs::exists(database, ignored)) db::Reader says_so(database);
  if (fs::equivalent(database, copy, ignored)) throw Error(copy.string() + ": is the database itself");
  if (fs::is_directory(copy, ignored)) throw Error(copy.string() + ": is a folder; name a file in it");
  if (runs_folder(copy) == runs_folder(database))
    throw Error(copy.string() + ": its files would lie where those of " + database.string() +
                " do; choose another name");
  if (force) return;
  for (const fs::path& there : {copy, runs_folder(copy)})
    if (fs::exists(there, ignored)) throw Error(there.string() + ": is there already; --force replaces it");
}

void backup(const fs::path& copy, bool force, bool no_files, Globals& globals) {
  expect_usable(globals.database, copy, force);
  if (no_files) {
    const auto bytes = db::backup(globals.database, copy);
    std::cout << copy.string() << ": " << size_text(bytes) << ", checked; the files of the trials are in "
              << runs_folder(globals.database).string() << '\n';
    return;
  }
  Files files(globals.database, runs_folder(copy));
  std::uintmax_t bytes = 0;
  std::size_t left_out = 0;
  try {
    for (int round = 1; bytes == 0; ++round) {
      try {
        bytes = db::backup(globals.database, copy, [&](db::Reader& reader) {
          db::Relocation relocation = files.copy(reader, round == kRounds);
          left_out = relocation.left_out.size();
          files.take_place();
          return relocation;
        });
      } catch (const Replaced&) {
        usleep(50'000);
      }
    }
  } catch (const fs::filesystem_error& error) {
    throw Error(std::string(error.what()) + "; nothing was copied", kEnvironment);
  }
  std::cout << copy.string() << ": " << size_text(bytes) << ", checked; " << files.copied() << " files, "
            << size_text(files.bytes()) << ", in " << runs_folder(copy).string() << '\n';
  if (left_out > 0)
    std::cout << "files of running trials that were replaced while they were copied, left out: " << left_out
              << '\n';
  if (files.missing().empty()) return;
  globals.exit_code = kNegative;
  std::cerr << "saddle: files that are missing or not what was stored, and so were not copied: "
            << files.missing().size() << ", the first " << files.missing()[0] << "; `"
            << command_line(globals) << " verify` names all\n";
}

}  // namespace

void add_backup(CLI::App& app, Globals& globals) {
  struct Options {
    fs::path file;
    bool force = false, no_files = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "backup",
      "Copy the database and the files of its trials, also while a run writes them, and check the copy");
  command->add_option("file", options->file, "Where the copy goes; the files go beside it, into FILE.runs")
      ->required()
      ->type_name("FILE");
  command->add_flag("--no-files", options->no_files,
                    "Only the database; its rows go on naming the files of this one");
  command->add_flag("--force", options->force, "Replace what is there");
  command->callback(
      [options, &globals] { backup(options->file, options->force, options->no_files, globals); });
}

}  // namespace saddle::cli
