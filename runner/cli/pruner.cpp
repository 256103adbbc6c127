#include <cli/pruner.hpp>

#include <limits>
#include <set>

#include <cli/select.hpp>

namespace saddle::cli {

std::unique_ptr<schedule::Pruner> make_pruner(const Prune& rule, db::Reader& reader, std::int64_t experiment,
                                              const std::vector<schedule::Job>& jobs) {
  const schedule::PruneRule common{rule.metric, rule.larger_is_better, rule.smooth};
  std::unique_ptr<schedule::Pruner> pruner;
  if (rule.use == "median") {
    pruner = std::make_unique<schedule::MedianPruner>(
        common, schedule::MedianPruner::Rule{rule.warmup, rule.min_trials, rule.patience});
  } else {
    pruner =
        std::make_unique<schedule::AshaPruner>(common, schedule::AshaPruner::Rule{rule.warmup, rule.eta});
  }

  std::set<std::int64_t> anew;
  for (const schedule::Job& job : jobs)
    if (job.from_scratch) anew.insert(job.trial);
  for (const auto& row : reader.named("values_of", {experiment, rule.metric}).rows) {
    if (anew.contains(integer_of(row[0]))) continue;
    const auto* value = std::get_if<double>(&row[2]);
    pruner->remember(integer_of(row[0]), integer_of(row[1]),
                     value != nullptr ? *value : std::numeric_limits<double>::quiet_NaN());
  }
  for (const auto& row : reader.named("promotions", {experiment, rule.metric}).rows)
    if (!anew.contains(integer_of(row[0])))
      pruner->remember_promotion(integer_of(row[0]), static_cast<int>(integer_of(row[1])));
  return pruner;
}

}  // namespace saddle::cli
