#include <cli/pruner.hpp>

#include <limits>
#include <set>

#include <cli/select.hpp>

namespace saddle::cli {

std::unique_ptr<schedule::Pruner> make_pruner(const Prune& rule, db::Reader& reader, std::int64_t experiment,
                                              const std::vector<schedule::Job>& jobs) {
  schedule::PruneRule common{rule.metric, rule.larger_is_better, rule.smooth, std::nullopt};
  const db::Rows protocols = reader.named("protocol_of", {experiment, rule.metric});
  if (!protocols.rows.empty()) common.protocol = text_of(protocols.rows[0][0]);
  std::unique_ptr<schedule::Pruner> pruner;
  if (rule.use == "median") {
    pruner = std::make_unique<schedule::MedianPruner>(
        common, schedule::MedianPruner::Rule{rule.warmup, rule.min_trials, rule.patience});
  } else {
    pruner = std::make_unique<schedule::AshaPruner>(
        common, schedule::AshaPruner::Rule{rule.warmup, rule.eta, rule.min_trials});
  }

  if (!common.protocol) return pruner;  // nothing was measured yet

  std::set<std::int64_t> anew;
  for (const schedule::Job& job : jobs)
    if (job.from_scratch) anew.insert(job.trial);
  for (const auto& row : reader.named("values_of", {experiment, rule.metric, *common.protocol}).rows) {
    if (anew.contains(integer_of(row[0]))) continue;
    const auto* value = std::get_if<double>(&row[2]);
    pruner->remember(integer_of(row[0]), integer_of(row[1]),
                     value != nullptr ? *value : std::numeric_limits<double>::quiet_NaN());
  }
  for (const auto& row : reader.named("promotions", {experiment, rule.metric}).rows)
    if (!anew.contains(integer_of(row[0])))
      pruner->remember_promotion(integer_of(row[0]), static_cast<int>(integer_of(row[1])),
                                 integer_of(row[2]));
  return pruner;
}

std::size_t settle_decisions(db::Store& store, std::int64_t experiment) {
  db::Reader reader(store.path());
  const db::Rows decided = reader.named("decided", {experiment});
  for (const auto& row : decided.rows) store.prune_stopped(integer_of(row[0]), text_of(row[1]));
  return decided.rows.size();
}

}  // namespace saddle::cli
