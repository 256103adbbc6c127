#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include <cli/closing.hpp>
#include <cli/command.hpp>
#include <cli/files.hpp>
#include <common/error.hpp>
#include <db/backup.hpp>
#include <db/reader.hpp>

// saddle backup: a copy of the database, also while a run writes it.
namespace saddle::cli {

void add_backup(CLI::App& app, Globals& globals) {
  struct Options {
    std::filesystem::path file;
    bool force = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "backup", "Copy the database to a file, also while a run writes it, and check the copy");
  command->add_option("file", options->file, "Where the copy goes")->required()->type_name("FILE");
  command->add_flag("--force", options->force, "Replace a file that is there");
  command->footer(
      "The files of the trials are not in it; they lie in <database>.runs and may be copied as any others.");
  command->callback([options, &globals] {
    namespace fs = std::filesystem;
    std::error_code ignored;
    if (!fs::exists(globals.database, ignored)) db::Reader says_so(globals.database);
    if (fs::equivalent(globals.database, options->file, ignored))
      throw Error(options->file.string() + ": is the database itself");
    if (fs::is_directory(options->file, ignored))
      throw Error(options->file.string() + ": is a folder; name a file in it");
    if (fs::exists(options->file, ignored) && !options->force)
      throw Error(options->file.string() + ": is there already; --force replaces it");
    const auto bytes = db::backup(globals.database, options->file);
    std::cout << options->file.string() << ": " << size_text(bytes)
              << ", checked; the files of the trials are in " << runs_folder(globals.database).string()
              << '\n';
  });
}

}  // namespace saddle::cli
