#include <cli/outcome.hpp>

#include <algorithm>
#include <map>
#include <ostream>

#include <cli/table.hpp>
#include <common/error.hpp>
#include <common/json.hpp>

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
  names.reserve(trials.size());
  for (const auto& [protocol, n] : trials) names.push_back(protocol);
  std::stable_sort(names.begin(), names.end(),
                   [&](const auto& a, const auto& b) { return trials[a] > trials[b]; });
  return names;
}

std::set<std::string> protocols_of_training(db::Reader& reader, const Scope& scope,
                                            const std::string& metric) {
  const Json names = {metric + "/noise", metric + "/untrained", metric + "/floor"};
  std::set<std::string> protocols;
  for (const auto& row : reader.named("baselines", scope.binds({names.dump()})).rows)
    protocols.insert(text_of(row[1]));
  return protocols;
}

namespace {

std::string some_of(const std::vector<std::string>& labels) {
  constexpr std::size_t kMost = 6;
  std::string text;
  for (std::size_t i = 0; i < std::min(kMost, labels.size()); ++i)
    text += (i == 0 ? "" : "; ") + (labels[i].empty() ? "the only one" : labels[i]);
  if (labels.size() > kMost) text += "; and " + std::to_string(labels.size() - kMost) + " more";
  return text;
}

}  // namespace

void throw_no_protocol(const std::string& wanted, const std::vector<std::string>& labels) {
  throw Error("--protocol " + wanted + ": no protocol has that in its name. Known: all, or a part of " +
              some_of(labels));
}

void print_others(std::ostream& out, const std::string& metric, const std::vector<std::string>& labels) {
  if (labels.empty()) return;
  out << "\nalso measured under " << labels.size()
      << (labels.size() == 1 ? " other protocol: " : " other protocols: ") << some_of(labels)
      << "; see: saddle best --metric " << metric << " --protocol all, or a part of a name\n";
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
  } else {
    diverged += outcome.measured ? 1 : 0;
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
