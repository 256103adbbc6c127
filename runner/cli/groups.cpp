#include <cli/groups.hpp>

#include <algorithm>
#include <charconv>
#include <set>

#include <cli/configs.hpp>
#include <cli/names.hpp>
#include <common/error.hpp>
#include <common/nearest.hpp>

namespace saddle::cli {
namespace {

std::optional<double> number(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && at == end ? std::optional(value) : std::nullopt;
}

// Columns of `distinctions` that a word may mean, best kind of match first.
std::vector<std::size_t> matches(const Distinctions& distinctions, const std::string& word) {
  std::vector<std::size_t> exact, ends;
  for (std::size_t i = 0; i < distinctions.paths.size(); ++i) {
    const std::string& path = distinctions.paths[i];
    if (distinctions.titles[i] == word || path == word)
      exact.push_back(i);
    else if (names_path(word, path) || names_list(word, path))
      ends.push_back(i);
  }
  return exact.empty() ? ends : exact;
}

std::string joined_paths(const Distinctions& distinctions, const std::vector<std::size_t>& columns) {
  std::string text;
  for (const std::size_t i : columns) text += (text.empty() ? "" : ", ") + distinctions.paths[i];
  return text;
}

}  // namespace

Grouping::Grouping(db::Reader& reader, const Scope& scope, const Distinctions& distinctions,
                   const std::string& word, const std::string& option)
    : title_(word) {
  if (word == "seed") {
    seed_ = true;
    return;
  }
  if (const auto columns = matches(distinctions, word); !columns.empty()) {
    for (const auto& [hash, cells] : distinctions.cells)
      for (const std::size_t column : columns) {
        if (cells[column] != cells[columns.front()])
          throw Error(option + ": \"" + word + "\" may be " + joined_paths(distinctions, columns) +
                      ", which are not always the same; write more of the path");
        cells_[hash] = cells[column];
      }
    if (columns.size() == 1) title_ = distinctions.titles[columns.front()];
    return;
  }
  // Not what tells the configs apart as a whole, but a part of it (the gamma of a
  // loss), or the same in all of them.
  std::vector<std::string> titles = distinctions.titles;
  titles.emplace_back("seed");
  ParamMeaning meaning;
  try {
    meaning = find_param(reader, word, "");
  } catch (const Error&) {
    throw Error(option + ": no parameter \"" + word + "\" differs between these trials. " +
                suggestion(word, titles, 20));
  }
  const ConfigTable configs = read_configs(reader, scope, meaning.paths);
  std::set<std::string> values;
  for (std::size_t config = 0; config < configs.size(); ++config) {
    std::string text;
    for (const std::string& path : meaning.paths)
      if (const int column = configs.find(path); column != ConfigTable::kAbsent && text.empty())
        text = configs.text(configs.value(config, static_cast<std::size_t>(column)));
    values.insert(text);
    cells_[configs.hash(config)] = text;
  }
  for (const auto& [hash, cells] : distinctions.cells)
    if (!cells_.contains(hash)) values.insert("");
  if (values.size() < 2)
    throw Error(option + ": " + word + " is " + (values.empty() ? "nothing" : *values.begin()) +
                " in all of these trials. " + suggestion(word, titles, 20));
}

std::string Grouping::of(const Outcome& outcome) const {
  if (seed_) return std::to_string(outcome.seed);
  const auto found = cells_.find(outcome.config_hash);
  return found == cells_.end() || found->second.empty() ? "-" : found->second;
}

bool less_as_value(const std::string& a, const std::string& b) {
  const auto x = number(a), y = number(b);
  if (x && y && *x != *y) return *x < *y;
  if (x.has_value() != y.has_value()) return x.has_value();
  return a < b;
}

bool LessAsValues::operator()(const std::vector<std::string>& a, const std::vector<std::string>& b) const {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), less_as_value);
}

bool Group::over_seeds() const {
  return std::all_of(by_config.begin(), by_config.end(), [](const auto& c) { return c.second.size() >= 2; });
}

std::optional<Interval> Group::interval() const {
  if (!over_seeds()) return bootstrap_mean({tally.values});
  std::vector<std::vector<double>> strata;
  for (const auto& [hash, values] : by_config) strata.push_back(values);
  return bootstrap_mean(strata);
}

Groups sort_into_groups(const std::vector<Outcome>& outcomes, const std::string& protocol,
                        const std::vector<Grouping>& by) {
  Groups groups;
  for (const Outcome& outcome : outcomes) {
    if (outcome.measured && outcome.protocol != protocol) continue;
    std::vector<std::string> key;
    for (const Grouping& grouping : by) key.push_back(grouping.of(outcome));
    Group& group = groups[key];
    const int counted = group.tally.counted;
    group.tally.add(outcome);
    if (group.tally.counted > counted) group.by_config[outcome.config_hash].push_back(*outcome.value);
  }
  return groups;
}

}  // namespace saddle::cli
