#include <algorithm>
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include <cli/execute.hpp>
#include <cli/merging.hpp>
#include <cli/table.hpp>
#include <common/error.hpp>

namespace saddle::cli {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  fs::path database;
  std::vector<fs::path> shards;
  bool json = false, wait = false;
};

void merge(const Arguments& arguments) {
  std::vector<fs::path> files;
  for (const fs::path& shard : arguments.shards) {
    std::error_code error;
    if (!fs::is_directory(shard, error)) {
      // Before a database is made for nothing.
      if (!fs::exists(shard, error))
        throw Error(shard.string() + ": there is no such file to merge", kEnvironment);
      files.push_back(shard);
      continue;
    }
    const auto found = shards_in(shard);
    if (found.empty()) throw Error(shard.string() + ": there is no shard (*.db) in this folder");
    files.insert(files.end(), found.begin(), found.end());
  }
  ExecuteOptions options;
  options.wait = arguments.wait;
  db::Store store(arguments.database, open_options(options));
  OrderedJson list = OrderedJson::array();
  db::MergeCounts sum;
  for (const fs::path& file : files) {
    const db::MergeCounts counts = store.merge(file);
    add(sum, counts);
    if (arguments.json) {
      list.push_back({{"shard", file.string()},
                      {"trials", counts.trials},
                      {"results", counts.results},
                      {"attempts", counts.attempts},
                      {"metrics", counts.metrics},
                      {"artifacts", counts.artifacts},
                      {"duplicates", counts.duplicates},
                      {"running", counts.running}});
    } else {
      std::cout << file.filename().string() << ": " << said(counts) << '\n';
    }
  }
  store.close();
  if (arguments.json) return print_json(std::cout, list);
  if (files.size() > 1) std::cout << files.size() << " shards: " << said(sum) << '\n';
}

}  // namespace

std::vector<fs::path> shards_in(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (entry->path().extension() == ".db") files.push_back(entry->path());
  std::sort(files.begin(), files.end());
  return files;
}

void add(db::MergeCounts& sum, const db::MergeCounts& counts) {
  sum.trials += counts.trials;
  sum.results += counts.results;
  sum.attempts += counts.attempts;
  sum.metrics += counts.metrics;
  sum.artifacts += counts.artifacts;
  sum.duplicates += counts.duplicates;
  sum.running += counts.running;
}

std::string said(const db::MergeCounts& counts) {
  std::string text;
  const auto say = [&](std::int64_t n, const char* one, const char* more) {
    text += (text.empty() ? "" : ", ") + std::to_string(n) + " " + (n == 1 ? one : more);
  };
  if (counts.attempts == 0) {
    text = "nothing new";
  } else {
    say(counts.results, "result", "results");
    say(counts.attempts, "attempt", "attempts");
    say(counts.metrics, "metric row", "metric rows");
    say(counts.artifacts, "artifact", "artifacts");
  }
  if (counts.trials > 0) say(counts.trials, "trial that was not known", "trials that were not known");
  if (counts.duplicates > 0)
    say(counts.duplicates, "result left out, there is one", "results left out, there are some");
  if (counts.running > 0)
    say(counts.running, "trial left out, it runs here", "trials left out, they run here");
  return text;
}

void add_merge(CLI::App& app, Globals&) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("merge", "Take what other databases know into one; doing it again changes nothing");
  command->add_option("database", arguments->database, "The database to merge into")
      ->required()
      ->type_name("DB");
  command->add_option("shards", arguments->shards, "Databases, or folders of them")
      ->required()
      ->type_name("SHARDS");
  command->add_flag("--wait", arguments->wait, "Wait while another saddle writes the database");
  command->add_flag(
      "--json", arguments->json,
      "[{\"shard\", \"trials\", \"results\", \"attempts\", \"metrics\", \"artifacts\", \"duplicates\", "
      "\"running\"}]");
  command->callback([arguments] { merge(*arguments); });
}

}  // namespace saddle::cli
