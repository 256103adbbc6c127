#pragma once
#include <cstdint>
#include <filesystem>
#include <ostream>
#include <string>
#include <unordered_map>
#include <vector>

#include <cli/command.hpp>
#include <cli/table.hpp>
#include <db/reader.hpp>
#include <db/store.hpp>

namespace saddle::cli {

// An array job that `submit` or `resume --slurm` gave to Slurm, as it was noted in the database.
struct Submission {
  std::filesystem::path folder;  // plan.json, shards/, logs/
  std::string job;               // its number; empty: the saddle that submitted it was killed before it knew
  std::size_t tasks = 0, trials = 0;
  int pack = 1;
  std::vector<std::string> options;  // for sbatch
  std::string time;

  std::filesystem::path shards() const { return folder / "shards"; }
  // Has the job's number, too: for when no row has it any more.
  std::filesystem::path job_file() const { return folder / "job"; }
};

// <database without .db>.slurm: where array jobs go unless --folder says otherwise.
std::filesystem::path slurm_folder(const std::filesystem::path& database);

// Of one experiment, or of all (0); the oldest first.
std::vector<Submission> submissions(db::Reader& reader, std::int64_t experiment);
// Trials that `rm` took away, by hash, with the time when it last did: what was submitted before is not
// theirs.
std::unordered_map<std::string, std::string> removed_trials(db::Reader& reader);
// Written before sbatch is called, and once more when it has answered.
void note_submission(db::Store& store, std::int64_t experiment, const Submission& submission);

// For status and ls: a line for each, with what Slurm says of it now.
void print_submissions(std::ostream& out, db::Reader& reader, std::int64_t experiment,
                       const std::string& indent, const std::string& resume);
OrderedJson submissions_json(db::Reader& reader, std::int64_t experiment);

}  // namespace saddle::cli
