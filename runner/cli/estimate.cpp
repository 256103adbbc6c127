#include <cli/estimate.hpp>

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include <cli/progress.hpp>
#include <cli/select.hpp>
#include <cli/table.hpp>
#include <db/error.hpp>
#include <db/reader.hpp>
#include <grid/family.hpp>
#include <schedule/machine.hpp>

namespace saddle::cli {
namespace {

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// Seconds for a round in each attempt of the past, by the config's hash and by its family.
struct Past {
  std::unordered_map<std::string, std::vector<double>> by_config, by_family;
  std::size_t attempts = 0;
};

Past read_past(db::Reader& reader) {
  Past past;
  std::unordered_map<std::string, std::string> families;  // by config hash
  for (const auto& row : reader.named("past_speeds").rows) {
    const std::string hash = text_of(row[0]);
    auto [family, fresh] = families.try_emplace(hash);
    if (fresh) family->second = Families::of(Json::parse(text_of(row[1])));
    const double seconds = std::get<double>(row[2]);
    past.by_config[hash].push_back(seconds);
    past.by_family[family->second].push_back(seconds);
    ++past.attempts;
  }
  return past;
}

}  // namespace

std::optional<Estimate> estimate(const Plan& plan, const std::filesystem::path& database) {
  if (!std::filesystem::exists(database)) return std::nullopt;
  try {
    db::Reader reader(database);
    std::unordered_set<std::string> done;
    for (const auto& row :
         reader
             .query(plan.rules.prune ? "SELECT trial_hash FROM trials WHERE state IN ('done', 'pruned')"
                                     : "SELECT trial_hash FROM trials WHERE state = 'done'")
             .rows)
      done.insert(text_of(row[0]));
    const Past past = read_past(reader);

    Estimate result{.attempts = past.attempts, .cores = schedule::available_cores()};
    Families families;
    std::unordered_map<const PlannedConfig*, double> speeds;  // -1: unknown
    double work = 0, longest = 0;                             // core seconds; seconds of one trial
    for (const PlannedTrial& trial : plan.trials) {
      if (done.contains(trial.trial_hash)) {
        ++result.done;
        continue;
      }
      const auto [speed, fresh] = speeds.try_emplace(trial.config.get(), -1);
      if (fresh) {
        const auto same = past.by_config.find(trial.config->hash);
        const auto like = past.by_family.find(families.of(trial.config->config));
        if (same != past.by_config.end())
          speed->second = median(same->second);
        else if (like != past.by_family.end())
          speed->second = median(like->second);
      }
      if (speed->second < 0) {
        ++result.unknown;
        continue;
      }
      ++result.known;
      const Json& train = *trial.config->config.section("train");
      const double seconds = speed->second * train.at("rounds").get<double>();
      const int threads =
          plan.rules.resources.threads > 0 ? plan.rules.resources.threads : train.at("threads").get<int>();
      work += seconds * std::min(threads, result.cores);
      longest = std::max(longest, seconds);
    }
    result.seconds = std::max(work / result.cores, longest);
    return result;
  } catch (const db::Error&) {
    return std::nullopt;  // `run` says what is wrong with it
  }
}

std::string describe(const Estimate& estimate) {
  const std::size_t open = estimate.known + estimate.unknown;
  std::string text = estimate.done > 0 ? std::to_string(estimate.done) + " done already" : "";
  if (estimate.known == 0) return text;
  const std::string these = estimate.unknown > 0
                                ? std::to_string(estimate.known) + " of the other " + std::to_string(open)
                            : estimate.done > 0 ? "the other " + std::to_string(open)
                                                : "all of them";
  return text + (text.empty() ? "" : "; ") + these + (estimate.known == 1 ? " takes" : " take") + " about " +
         duration_text(estimate.seconds) + " on " + std::to_string(estimate.cores) +
         (estimate.cores == 1 ? " core" : " cores") + ", as " + std::to_string(estimate.attempts) +
         (estimate.attempts == 1 ? " past attempt tells" : " past attempts tell");
}

}  // namespace saddle::cli
