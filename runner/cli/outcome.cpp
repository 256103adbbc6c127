#include <cli/outcome.hpp>

#include <algorithm>
#include <map>

namespace saddle::cli {

std::vector<Outcome> outcomes(db::Reader& reader, const Scope& scope, const MetricMeaning& metric,
                              bool with_pruned) {
  std::map<std::int64_t, std::string> protocols;
  for (const auto& row : reader.named("metric_keys", {metric.metric}).rows)
    protocols[integer_of(row[0])] = text_of(row[2]);
  const db::Rows rows = reader.named("ranking", scope.binds({metric.metric, metric.column}));
  std::vector<Outcome> all;
  all.reserve(rows.rows.size());
  for (const auto& row : rows.rows) {
    Outcome& outcome = all.emplace_back();
    outcome.config_hash = text_of(row[0]);
    outcome.trial = integer_of(row[1]);
    outcome.seed = integer_of(row[2]);
    outcome.state = text_of(row[3]);
    outcome.reason = text_of(row[4]);
    outcome.pruned_counts = with_pruned;
    const auto* key = std::get_if<std::int64_t>(&row[5]);
    if (!key) continue;
    outcome.measured = true;
    outcome.protocol = protocols[*key];
    if (metric.column == "last" && integer_of(row[6]) != 0) continue;  // not finite
    if (const auto* real = std::get_if<double>(&row[7])) outcome.value = *real;
    if (const auto* integer = std::get_if<std::int64_t>(&row[7]))
      outcome.value = static_cast<double>(*integer);
  }
  return all;
}

std::vector<std::string> protocols_of(const std::vector<Outcome>& outcomes) {
  std::map<std::string, std::size_t> trials;
  for (const Outcome& outcome : outcomes)
    if (outcome.measured) ++trials[outcome.protocol];
  std::vector<std::string> names;
  for (const auto& [protocol, n] : trials) names.push_back(protocol);
  std::stable_sort(names.begin(), names.end(),
                   [&](const auto& a, const auto& b) { return trials[a] > trials[b]; });
  return names;
}

void Tally::add(const Outcome& outcome) {
  if (outcome.reason == "diverged") {
    ++diverged;
  } else if (outcome.state == "failed") {
    ++failed;
  } else if (outcome.state == "pruned") {
    ++pruned;
    if (!outcome.pruned_counts || !outcome.value) return;
    ++counted;
    values.push_back(*outcome.value);
  } else if (outcome.state != "done") {
    ++unfinished;
  } else if (outcome.value) {
    ++counted;
    values.push_back(*outcome.value);
  } else if (outcome.measured) {
    ++diverged;
  }
}

std::string Tally::note() const {
  std::string text;
  const auto say = [&](int n, const char* what) {
    if (n > 0) text += (text.empty() ? "" : ", ") + std::to_string(n) + " " + what;
  };
  say(diverged, "diverged");
  say(failed, "failed");
  say(pruned, "pruned");
  say(unfinished, "not finished");
  return text;
}

}  // namespace saddle::cli
