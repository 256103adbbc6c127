#include <algorithm>
#include <ctime>
#include <fstream>
#include <set>
#include <unordered_map>

#include <cli/event_file.hpp>
#include <cli/export.hpp>
#include <cli/select.hpp>
#include <cli/table.hpp>
#include <common/error.hpp>
#include <common/paths.hpp>

// Trials as runs of TensorBoard.
namespace saddle::cli {
namespace {

namespace fs = std::filesystem;

const db::Value& column_of(const db::Rows& trials, const std::vector<db::Value>& row, const char* name) {
  const auto at = std::find(trials.columns.begin(), trials.columns.end(), name) - trials.columns.begin();
  return row[static_cast<std::size_t>(at)];
}

// Seconds since 1970 of "2026-11-23T14:05:06.789Z"; 0 of anything else.
double seconds_of(const std::string& time) {
  std::tm parts{};
  const char* rest = strptime(time.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (!rest) return 0;
  return static_cast<double>(timegm(&parts)) + (*rest == '.' ? std::strtod(rest, nullptr) : 0.0);
}

// google.protobuf.Value
std::string value_message(const ExportedParam& param) {
  if (param.type == "boolean")
    return Message().number(4, static_cast<std::uint64_t>(integer_of(param.value))).text();
  if (const auto* integer = std::get_if<std::int64_t>(&param.value))
    return Message().real(2, static_cast<double>(*integer)).text();
  if (const auto* real = std::get_if<double>(&param.value)) return Message().real(2, *real).text();
  return Message().bytes(3, exact_text(param.value)).text();
}

// HParamsPluginData with a SessionStartInfo.
std::string session_start(const std::vector<ExportedParam>& params, const std::string& group, double time) {
  Message start;
  for (const ExportedParam& param : params)
    start.bytes(1, Message().bytes(1, param.path).bytes(2, value_message(param)).text());
  start.bytes(4, group).real(5, time);
  return Message().bytes(3, start.text()).text();
}

std::string session_end(const std::string& state, double time) {
  enum { kSuccess = 1, kFailure = 2, kRunning = 3 };
  const int status = state == "done" ? kSuccess : state == "running" ? kRunning : kFailure;
  return Message()
      .bytes(4, Message().number(1, static_cast<std::uint64_t>(status)).real(2, time).text())
      .text();
}

// The paths in which the exported configs differ; of one config all of them.
std::set<std::string> telling_paths(const Selection& selection) {
  std::map<std::string, std::pair<db::Value, std::size_t>> first;  // and how many have the same
  std::set<std::string> paths;
  for (const auto& [config, params] : selection.params)
    for (const ExportedParam& param : params) {
      auto& [value, n] = first.try_emplace(param.path, param.value, 0).first->second;
      if (value == param.value) ++n;
      if (selection.params.size() == 1) paths.insert(param.path);
    }
  for (const auto& [path, same] : first)
    if (same.second < selection.params.size()) paths.insert(path);
  return paths;
}

}  // namespace

std::size_t export_tensorboard(const fs::path& folder, db::Reader& reader, const Selection& selection) {
  const std::set<std::string> telling = telling_paths(selection);
  std::unordered_map<std::int64_t, const ExportedMetric*> metrics;
  for (const ExportedMetric& metric : selection.metrics) metrics[metric.key] = &metric;
  std::size_t values = 0;
  for (const auto& trial : selection.trials.rows) {
    const auto text = [&](const char* name) { return text_of(column_of(selection.trials, trial, name)); };
    const double begin = seconds_of(text("started"));
    const double end = std::max(begin, seconds_of(text("ended")));
    const db::Rows rows = curves_of(reader, integer_of(trial[0]), selection);
    const double last = rows.rows.empty() ? 1 : std::max<double>(1, integer_of(rows.rows.back()[0]));

    std::vector<ExportedParam> params{{"seed", "integer", column_of(selection.trials, trial, "seed")}};
    const auto own = selection.params.find(integer_of(trial.back()));
    if (own != selection.params.end())
      for (const ExportedParam& param : own->second)
        if (telling.contains(param.path)) params.push_back(param);

    std::string events = record(file_version_event(begin));
    events += record(
        hparams_event(begin, "_hparams_/session_start_info", session_start(params, text("name"), begin)));
    for (const auto& row : rows.rows) {
      const std::int64_t step = integer_of(row[0]);
      // When each value was measured is not kept: spread evenly over the trial's time.
      const double time = begin + (end - begin) * static_cast<double>(step) / last;
      const db::Value value = with_kind(row[2], integer_of(row[3]));
      events +=
          record(scalar_event(time, step, metrics.at(integer_of(row[1]))->title, std::get<double>(value)));
      ++values;
    }
    events += record(hparams_event(end, "_hparams_/session_end_info", session_end(text("state"), end)));

    // Its name is the same the next time, so that the new file takes the place of the old.
    const fs::path run = folder / text("experiment") / text("name");
    std::error_code error;
    fs::create_directories(run, error);
    const fs::path file = run / ("events.out.tfevents." + std::to_string(static_cast<std::int64_t>(begin)) +
                                 ".saddle." + std::to_string(integer_of(trial[0])));
    if (error || !replace_file(file, events))
      throw Error("cannot write " + file.string() + (error ? ": " + error.message() : ""), kEnvironment);
  }
  return values;
}

}  // namespace saddle::cli
