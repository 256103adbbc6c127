#include <filesystem>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <cli/component.hpp>
#include <cli/select.hpp>
#include <common/error.hpp>
#include <common/paths.hpp>
#include <grid/plan.hpp>

namespace saddle::cli {
namespace {
namespace fs = std::filesystem;

struct Arguments {
  std::string trial, weights, out;
  int64_t count = 64, columns = 0;
  uint64_t seed = 0;
};

// Of the newest attempt that left one.
fs::path find_checkpoint(db::Reader& reader, const TrialRef& trial) {
  const db::Rows attempts = reader.query(
      "SELECT folder FROM attempts WHERE trial = ?1 AND folder IS NOT NULL ORDER BY attempt DESC",
      {trial.id});
  for (const auto& row : attempts.rows) {
    // An attempt that was killed while it replaced its checkpoint has the one before.
    for (const char* name : {"checkpoint.safetensors", "checkpoint.previous.safetensors"}) {
      const fs::path file = fs::path(text_of(row[0])) / name;
      std::error_code error;
      if (fs::exists(file, error)) return file;
    }
  }
  if (attempts.rows.empty()) throw Error("trial " + trial.name + " has not run yet; saddle resume runs it");
  throw Error("trial " + trial.name + " left no checkpoint in " + text_of(attempts.rows.front()[0]) +
              ": it ended before the first one was due (checkpoint.every), or the file was deleted");
}

void sample(const Arguments& a, Globals& globals) {
  const std::string extension = fs::path(a.out).extension();
  if (!extension.empty() && extension != ".png" && extension != ".safetensors" && !fs::is_directory(a.out))
    throw Error("--out " + a.out + ": expected FILE.png, FILE.safetensors, or a folder for one PNG each");
  db::Reader reader(globals.database);
  const TrialRef trial = select_trial(reader, a.trial);
  const db::Rows rows = reader.query("SELECT seed, config FROM trials WHERE trial = ?1", {trial.id});
  const Json config = Json::parse(text_of(rows.rows.at(0)[1]));
  const Catalogue catalogue = Catalogue::discover(plugin_search_path(globals.plugin_folders));
  const Json request = {{"trial",
                         {{"name", trial.name},
                          {"experiment", trial.experiment},
                          {"seed", integer_of(rows.rows[0][0])},
                          {"config", config},
                          {"plugins", plugin_files(config, catalogue)}}},
                        {"checkpoint", find_checkpoint(reader, trial).string()},
                        {"count", a.count},
                        {"columns", a.columns},
                        {"seed", a.seed},
                        {"weights", a.weights.empty() ? Json() : Json(a.weights)},
                        {"out", a.out}};
  globals.exit_code = ask_worker("sample", request, "sampling from " + trial.name);
}

}  // namespace

void add_sample(CLI::App& app, Globals& globals) {
  const auto a = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("sample", "Draw samples from a trained generator");
  command->add_option("trial", a->trial, "Name or number, as saddle ls lists them")
      ->required()
      ->type_name("TRIAL");
  command->add_option("-n,--n", a->count, "Samples [64]")->check(CLI::Range(1, 100000000))->type_name("N");
  command->add_option("--seed", a->seed, "Of the samples [0]")->type_name("N");
  command->add_option("--weights", a->weights, "Averaged or last ones [ema if the trial keeps them]")
      ->check(CLI::IsMember({"ema", "raw"}))
      ->type_name("ema|raw");
  command->add_option("--columns", a->columns, "Of the picture [a square]")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  command
      ->add_option("--out", a->out,
                   "FILE.png (a sheet), FILE.safetensors (image, label), or a folder for PNGs")
      ->required()
      ->type_name("PATH");
  command->callback([a, &globals] { sample(*a, globals); });
}

}  // namespace saddle::cli
