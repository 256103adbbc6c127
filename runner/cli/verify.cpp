#include <unistd.h>

#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include <cli/closing.hpp>
#include <cli/command.hpp>
#include <cli/files.hpp>
#include <cli/select.hpp>
#include <cli/table.hpp>
#include <common/error.hpp>

// saddle verify: is the database whole, and are the files there that it names.
namespace saddle::cli {
namespace {

namespace fs = std::filesystem;

struct Check {
  std::string name;  // "artifacts: 24 files"
  std::vector<std::string> findings;
};

Check integrity(db::Reader& reader) {
  Check check{"pages and indices of the database", {}};
  for (const auto& row : reader.query("PRAGMA integrity_check").rows)
    if (text_of(row[0]) != "ok") check.findings.push_back(text_of(row[0]));
  return check;
}

Check foreign_keys(db::Reader& reader) {
  Check check{"rows that refer to others", {}};
  for (const auto& row : reader.query("PRAGMA foreign_key_check").rows)
    check.findings.push_back("row " + value_text(row[1]) + " of " + text_of(row[0]) + " refers to one of " +
                             text_of(row[2]) + " that is not there");
  return check;
}

Check counts(db::Reader& reader) {
  Check check{"states and counts", {}};
  for (const auto& row : reader.named("verify_rows").rows) check.findings.push_back(text_of(row[0]));
  return check;
}

// What is wrong with one artifact; empty if nothing is.
std::string look_at(const fs::path& folder, const AttemptFiles::Artifact& artifact) {
  if (!file_of(artifact, folder).empty()) return "";
  const fs::path file = folder / artifact.path;
  std::error_code error;
  if (!fs::exists(file, error)) return file.string() + ": is missing";
  if (access(file.c_str(), R_OK) != 0) return file.string() + ": cannot be read";
  return file.string() + ": is not what was stored, " + size_text(size_of(file)) + " instead of " +
         size_text(static_cast<std::uintmax_t>(artifact.bytes)) + " with SHA-256 " +
         artifact.sha256.substr(0, 12) + "...";
}

Check artifacts(db::Reader& reader, const fs::path& runs) {
  Check check;
  std::size_t files = 0, of_running = 0;
  for (const AttemptFiles& attempt : attempt_files(reader)) {
    if (attempt.running) {  // its files may be replaced at any moment
      of_running += attempt.artifacts.size();
      continue;
    }
    const fs::path now = folder_now(attempt.folder, runs);
    for (const auto& artifact : attempt.artifacts) {
      ++files;
      std::string wrong = look_at(now.empty() ? attempt.folder.path : now, artifact);
      if (!wrong.empty()) check.findings.push_back(std::move(wrong));
    }
  }
  check.name = "files of artifacts: " + std::to_string(files);
  if (of_running > 0) check.name += ", and " + std::to_string(of_running) + " of running trials left out";
  return check;
}

// Of a damaged file nothing is said but that.
std::vector<Check> all_checks(const fs::path& database) {
  try {
    db::Reader reader(database);
    std::vector<Check> checks{integrity(reader)};
    if (!checks[0].findings.empty()) return checks;
    checks.push_back(foreign_keys(reader));
    checks.push_back(counts(reader));
    checks.push_back(artifacts(reader, runs_folder(database)));
    return checks;
  } catch (const db::Error& error) {
    if (error.kind() != db::ErrorKind::corrupt) throw;
    return {{"pages and indices of the database", {error.what()}}};
  }
}

void verify(bool json, Globals& globals) {
  const std::vector<Check> checks = all_checks(globals.database);
  OrderedJson list = OrderedJson::array();
  for (const Check& check : checks) {
    if (!check.findings.empty()) globals.exit_code = kNegative;
    list.push_back({{"check", check.name}, {"ok", check.findings.empty()}, {"findings", check.findings}});
    if (json) continue;
    if (check.findings.empty()) std::cout << "ok      " << check.name << '\n';
    for (const std::string& finding : check.findings) std::cout << "failed  " << finding << '\n';
  }
  if (json) print_json(std::cout, list);
}

}  // namespace

void add_verify(CLI::App& app, Globals& globals) {
  auto json = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand(
      "verify", "Is the database whole, and does every file that it names have the content that was stored");
  command->add_flag("--json", *json, "A list of checks, each with its findings");
  command->callback([json, &globals] { verify(*json, globals); });
}

}  // namespace saddle::cli
