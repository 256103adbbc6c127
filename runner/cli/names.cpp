#include <cli/names.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>

#include <cli/scope.hpp>
#include <cli/select.hpp>
#include <common/error.hpp>
#include <common/json.hpp>
#include <common/nearest.hpp>

namespace saddle::cli {
namespace {

constexpr std::string_view kUse = ".use";

bool is_index(std::string_view part) {
  return !part.empty() &&
         std::all_of(part.begin(), part.end(), [](unsigned char c) { return std::isdigit(c); });
}

bool ends_after_dot(const std::string& path, const std::string& word) {
  return path == word || path.ends_with("." + word);
}

bool has(const std::vector<ParamPath>& paths, const std::string& path) {
  return std::any_of(paths.begin(), paths.end(), [&](const ParamPath& p) { return p.path == path; });
}

// Of a misspelled end of a path, the path that was probably meant; else the word.
std::string nearest_ending(const std::string& word, const std::vector<std::string>& paths) {
  const auto parts = std::count(word.begin(), word.end(), '.') + 1;
  std::vector<std::string> endings;
  for (const std::string& path : paths) {
    std::size_t dot = path.size();
    for (auto i = parts; i > 0 && dot != std::string::npos && dot > 0; --i) dot = path.rfind('.', dot - 1);
    endings.push_back(dot == std::string::npos || dot == 0 ? path : path.substr(dot + 1));
  }
  const std::string ending = nearest(word, endings);
  const auto found = std::find(endings.begin(), endings.end(), ending);
  return found == endings.end() ? word : paths[static_cast<std::size_t>(found - endings.begin())];
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

}  // namespace

std::vector<ParamPath> param_paths(db::Reader& reader) {
  std::vector<ParamPath> paths;
  for (const auto& row : reader.named("paths").rows)
    paths.push_back({text_of(row[0]), integer_of(row[1]) != 0});
  return paths;
}

bool names_path(const std::string& word, const std::string& path) {
  return ends_after_dot(path, word) || ends_after_dot(path, word + std::string(kUse));
}

std::string list_of(const std::vector<ParamPath>& paths, const std::string& path) {
  for (std::size_t dot = path.find('.'); dot != std::string::npos; dot = path.find('.', dot + 1)) {
    const std::size_t end = path.find('.', dot + 1);
    if (end == std::string::npos) return "";
    if (is_index(std::string_view(path).substr(dot + 1, end - dot - 1)) &&
        has(paths, path.substr(0, end) + std::string(kUse)))
      return path.substr(0, dot);
  }
  return "";
}

std::vector<std::string> uses_of(const std::vector<ParamPath>& paths, const std::string& list) {
  std::vector<std::string> uses;
  for (std::size_t i = 0;; ++i) {
    const std::string use = list + "." + std::to_string(i) + std::string(kUse);
    if (!has(paths, use)) return uses;
    uses.push_back(use);
  }
}

bool names_list(const std::string& word, const std::string& list) {
  return ends_after_dot(list, word) || ends_after_dot(list, word + "s") || ends_after_dot(list, word + "es");
}

ParamMeaning find_param(db::Reader& reader, const std::string& word, const std::string& place) {
  const std::vector<ParamPath> paths = param_paths(reader);
  if (has(paths, word)) return {{word}, false};
  std::vector<std::string> matches, all;
  std::string list;
  for (const auto& [path, differs] : paths) {
    all.push_back(path);
    if (names_path(word, path)) matches.push_back(path);
    if (const std::string in = list_of(paths, path); !in.empty() && names_list(word, in)) list = in;
  }
  if (matches.empty() && !list.empty()) return {uses_of(paths, list), true};
  if (matches.empty())
    throw Error(place + "no parameter \"" + word + "\". " +
                suggestion(nearest(word, all).empty() ? nearest_ending(word, all) : word, all));
  if (matches.size() > 1 && !reader.named("unequal_paths", {Json(matches).dump()}).rows.empty())
    throw Error(place + "\"" + word + "\" may be " + joined(matches) +
                ", which are not always the same; write more of the path");
  return {matches, false};
}

std::optional<MetricMeaning> metric_meaning(db::Reader& reader, const std::string& word) {
  const auto known = [&](const std::string& name) {
    return !reader.named("metric_keys", {name}).rows.empty();
  };
  if (known(word)) return MetricMeaning{word, "last"};
  for (const char* column : {"last", "min", "max", "argmin", "argmax", "last_step", "n", "n_nan"}) {
    const std::string end = std::string(".") + column;
    if (!word.ends_with(end)) continue;
    const std::string name = word.substr(0, word.size() - end.size());
    if (known(name)) return MetricMeaning{name, column};
  }
  return std::nullopt;
}

MetricMeaning find_metric(db::Reader& reader, const std::string& word, const std::string& place) {
  if (const auto meaning = metric_meaning(reader, word)) return *meaning;
  std::set<std::string> names;
  for (const auto& row : reader.named("metric_keys").rows) names.insert(text_of(row[1]));
  if (names.empty()) throw Error(place + "no metric \"" + word + "\": no trial has recorded any yet");
  throw Error(place + "no metric \"" + word + "\" was recorded. " +
              suggestion(word, {names.begin(), names.end()}));
}

std::vector<std::string> evaluated_metrics(db::Reader& reader, std::int64_t experiment) {
  std::vector<std::string> measured, ordered;
  for (const auto& row : reader.named("metric_names", Scope(experiment).binds()).rows)
    if (integer_of(row[2]) != 0 && !is_baseline(text_of(row[0]))) measured.push_back(text_of(row[0]));
  const auto take = [&](const std::string& name) {
    const auto found = std::find(measured.begin(), measured.end(), name);
    if (found == measured.end()) return;
    ordered.push_back(name);
    measured.erase(found);
  };
  const db::Rows asked = reader.query(
      "SELECT p.value FROM experiment_trials x JOIN params p USING (trial) "
      "WHERE x.experiment_id = ?1 AND p.path GLOB 'metrics.*.use' "
      "GROUP BY p.path, p.value ORDER BY min(x.ordinal), length(p.path), p.path",
      {experiment});
  for (const auto& row : asked.rows) take(text_of(row[0]));
  ordered.insert(ordered.end(), measured.begin(), measured.end());
  return ordered;
}

}  // namespace saddle::cli
