#include <cli/export.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <limits>
#include <memory>
#include <set>
#include <tuple>

#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <cli/labels.hpp>
#include <cli/names.hpp>
#include <cli/select.hpp>
#include <common/error.hpp>
#include <common/json.hpp>

// saddle export: trials and curves for other programs.
namespace saddle::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string out = "-", format;
  std::vector<std::string> metrics;
  ScopeOptions scope;
  bool curves = false;
};

// What the trials in scope recorded, of running ones too.
std::vector<ExportedMetric> recorded(db::Reader& reader, const Scope& scope) {
  std::set<std::int64_t> keys;
  for (const auto& row : reader.named("keys_of", scope.binds()).rows) keys.insert(integer_of(row[0]));
  std::vector<ExportedMetric> metrics;
  std::map<std::string, std::vector<std::string>> protocols;
  for (const auto& row : reader.named("metric_keys").rows) {
    if (!keys.contains(integer_of(row[0]))) continue;
    metrics.push_back({integer_of(row[0]), text_of(row[1]), text_of(row[2]), text_of(row[1]), "last"});
    protocols[metrics.back().name].push_back(metrics.back().protocol);
  }
  for (ExportedMetric& metric : metrics)
    if (const auto& all = protocols[metric.name]; all.size() > 1)
      metric.title += " [" + protocol_labels(all).at(metric.protocol) + "]";
  std::sort(metrics.begin(), metrics.end(), [](const ExportedMetric& a, const ExportedMetric& b) {
    return std::tie(a.name, a.protocol) < std::tie(b.name, b.protocol);
  });
  return metrics;
}

// In the order of the words.
std::vector<ExportedMetric> chosen(db::Reader& reader, const std::vector<ExportedMetric>& recorded,
                                   const std::vector<std::string>& words) {
  std::vector<ExportedMetric> result;
  for (const std::string& word : words) {
    const MetricMeaning meaning = find_metric(reader, word, "--metric: ");
    for (const ExportedMetric& metric : recorded) {
      if (metric.name != meaning.metric) continue;
      const auto known = std::find_if(result.begin(), result.end(),
                                      [&](const ExportedMetric& other) { return other.key == metric.key; });
      if (known != result.end()) {
        known->columns += " " + meaning.column;
      } else {
        result.push_back(metric);
        result.back().columns = meaning.column;
      }
    }
  }
  return result;
}

std::string format_of(const Options& options) {
  if (!options.format.empty()) return options.format;
  if (options.out == "-" || options.out.ends_with(".csv")) return "csv";
  if (options.out.ends_with(".jsonl") || options.out.ends_with(".ndjson")) return "jsonl";
  throw Error(options.out +
              ": which format? A name that ends in .csv or .jsonl says so, or --format csv, jsonl or "
              "tensorboard (a folder)");
}

// A reader of the file sees the old content or the new, never a part.
void write_file(const fs::path& file, const std::function<void(std::ostream&)>& write) {
  const fs::path partial = file.string() + ".part";
  const auto failed = [&] {
    const std::string reason = std::strerror(errno);
    std::error_code ignored;
    fs::remove(partial, ignored);
    return Error("cannot write " + file.string() + ": " + reason, kEnvironment);
  };
  std::ofstream out(partial, std::ios::binary);
  if (!out) throw failed();
  try {
    write(out);
  } catch (...) {
    std::error_code ignored;
    fs::remove(partial, ignored);
    throw;
  }
  out.close();
  if (!out || std::rename(partial.c_str(), file.c_str()) != 0) throw failed();
}

void run(const Options& options, const Globals& globals) {
  const std::string format = format_of(options);
  if (format == "tensorboard" && options.out == "-")
    throw Error("--format tensorboard writes a folder; name it: saddle export FOLDER --format tensorboard");
  if (format == "tensorboard" && options.curves)
    throw Error("--curves says nothing about tensorboard, which has all curves");
  db::Reader reader(globals.database);
  const Scope scope = resolve(reader, options.scope, WithoutOptions::all).scope;
  const Selection selection = select_for_export(reader, scope, options.metrics);
  if (selection.trials.rows.empty() && !options.scope.where.empty())
    throw Error("there is no trial for which that holds; the trials: saddle ls");

  const std::string trials = std::to_string(selection.trials.rows.size()) +
                             (selection.trials.rows.size() == 1 ? " trial" : " trials");
  if (format == "tensorboard") {
    const std::size_t values = export_tensorboard(options.out, reader, selection);
    std::cerr << options.out << ": " << trials << ", " << values << " values; tensorboard --logdir "
              << options.out << '\n';
    return;
  }
  const auto write = [&](std::ostream& out) {
    (format == "csv" ? export_csv : export_json_lines)(out, reader, selection, options.curves);
  };
  if (options.out == "-") return write(std::cout);
  write_file(options.out, write);
  std::cerr << options.out << ": " << trials << '\n';
}

}  // namespace

db::Value with_kind(const db::Value& value, std::int64_t kind) {
  if (kind == 1) return std::numeric_limits<double>::quiet_NaN();
  return value;
}

Selection select_for_export(db::Reader& reader, const Scope& scope, const std::vector<std::string>& metrics) {
  Selection selection{.trials = reader.named("export_trials", scope.binds()),
                      .metrics = recorded(reader, scope),
                      .params = {}};
  if (!metrics.empty()) selection.metrics = chosen(reader, selection.metrics, metrics);
  std::set<std::int64_t> configs;
  for (const auto& row : selection.trials.rows) configs.insert(integer_of(row.back()));
  for (auto& row : reader.named("export_params", {Json(configs).dump()}).rows)
    selection.params[integer_of(row[0])].push_back({text_of(row[1]), text_of(row[3]), std::move(row[2])});
  return selection;
}

db::Rows curves_of(db::Reader& reader, std::int64_t trial, const Selection& selection) {
  Json keys = Json::array();
  for (const ExportedMetric& metric : selection.metrics) keys.push_back(metric.key);
  return reader.named("export_metrics", {trial, keys.dump()});
}

void add_export(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("export", "Trials and curves as CSV, JSON lines or TensorBoard event files");
  command->add_option("out", options->out, "File, or folder for tensorboard; - is standard output [-]")
      ->type_name("FILE|FOLDER");
  command->add_option("--format", options->format, "What to write [by the name of the file; csv]")
      ->check(CLI::IsMember({"csv", "jsonl", "tensorboard"}));
  command->add_flag("--curves", options->curves,
                    "A row for each measured value instead of one for each trial");
  command
      ->add_option("-m,--metric", options->metrics,
                   "Only this metric, as frechet; frechet.min: its lowest value; may be repeated [all]")
      ->allow_extra_args(false);
  add_scope_options(*command, options->scope, WithoutOptions::all);
  command->footer(
      "One row a trial has its parameters (params.PATH) and what its metrics came to (finals.METRIC).\n"
      "What is not finite: NaN, inf, -inf in CSV; \"NaN\", \"Infinity\", \"-Infinity\" in JSON lines;\n"
      "itself in event files, which hold 32 bits a value.");
  command->callback([options, &globals] { run(*options, globals); });
}

}  // namespace saddle::cli
