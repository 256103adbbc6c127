#include <schedule/prune.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <utility>

namespace saddle::schedule {
namespace {

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.4g", value);
  return text;
}

// Of an even number the mean of the two in the middle.
double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  const double below = *std::max_element(values.begin(), middle);
  return below == *middle ? below : (below + *middle) / 2;  // equal infinities too
}

}  // namespace

double Pruner::loss(double value) const {
  if (!std::isfinite(value)) return std::numeric_limits<double>::infinity();
  return rule_.larger_is_better ? -value : value;
}

double Pruner::value_of(double loss) const {
  if (!std::isfinite(loss)) return std::numeric_limits<double>::quiet_NaN();
  return rule_.larger_is_better ? -loss : loss;
}

std::string Pruner::said(double loss) const {
  std::string text = rule_.metric;
  if (!std::isfinite(loss)) return text + " (not finite)";
  text += " " + number(value_of(loss));
  if (rule_.smooth > 1) text += " (mean of its last " + std::to_string(rule_.smooth) + ")";
  return text;
}

bool Curve::put(std::int64_t step, double loss) { return values_.insert_or_assign(step, loss).second; }

std::optional<double> Curve::at(std::int64_t step, int smooth) const {
  auto last = values_.upper_bound(step);
  double sum = 0;
  int n = 0;
  while (n < smooth && last != values_.begin()) {
    sum += (--last)->second;
    ++n;
  }
  return n == 0 ? std::nullopt : std::optional(sum / n);
}

std::vector<std::int64_t> Curve::steps_up_to(std::int64_t step, int n) const {
  std::vector<std::int64_t> steps;
  for (auto last = values_.upper_bound(step); n-- > 0 && last != values_.begin();)
    steps.push_back((--last)->first);
  return steps;
}

void MedianPruner::remember(std::int64_t trial, std::int64_t step, double value) {
  curves_[trial].put(step, loss(value));
}

std::optional<MedianPruner::Comparison> MedianPruner::worse_at(std::int64_t trial, std::int64_t step) const {
  if (step < own_.warmup) return std::nullopt;
  std::vector<double> others;
  for (const auto& [other, curve] : curves_)
    if (other != trial && curve.last_step() >= step)
      if (const auto then = curve.at(step, rule().smooth)) others.push_back(*then);
  if (others.empty() || static_cast<int>(others.size()) < own_.min_trials) return std::nullopt;
  const Comparison found{*curves_.at(trial).at(step, rule().smooth), median(others),
                         static_cast<int>(others.size())};
  return found.own > found.median ? std::optional(found) : std::nullopt;
}

Verdict MedianPruner::judge(std::int64_t trial, std::int64_t step) const {
  const auto steps = curves_.at(trial).steps_up_to(step, own_.patience);
  if (static_cast<int>(steps.size()) < own_.patience) return {};
  for (const std::int64_t at : steps)
    if (!worse_at(trial, at)) return {};
  const Comparison now = *worse_at(trial, steps.front());
  return {Verdict::What::prune,
          said(now.own) + " at step " + std::to_string(step) + " is worse than " +
              (std::isfinite(now.median) ? number(value_of(now.median)) : "not finite") + ", the median of " +
              std::to_string(now.others) + (now.others == 1 ? " other trial there" : " other trials there") +
              (own_.patience > 1 ? ", " + std::to_string(own_.patience) + " times in a row" : ""),
          {step, -1, value_of(now.own), value_of(now.median), now.others}};
}

Verdict MedianPruner::recall(std::int64_t trial) const {
  const auto found = curves_.find(trial);
  return found == curves_.end() ? Verdict{} : judge(trial, found->second.last_step());
}

Verdict MedianPruner::on_value(std::int64_t trial, std::int64_t step, double value) {
  return curves_[trial].put(step, loss(value)) ? judge(trial, step) : Verdict{};
}

std::int64_t AshaPruner::step_of(int rung) const {
  const double step = static_cast<double>(own_.warmup) * std::pow(own_.eta, rung);
  // Past all that can be trained there is no rung.
  return step < 9e18 ? std::llround(step) : std::numeric_limits<std::int64_t>::max();
}

void AshaPruner::advance(std::int64_t trial, State& state, std::int64_t step) {
  while (step >= step_of(state.next)) {
    const auto rung = static_cast<std::size_t>(state.next++);
    if (rungs_.size() <= rung) rungs_.resize(rung + 1);
    rungs_[rung].reached[trial] = *state.curve.at(step, rule().smooth);
    unchanged_ = false;
    // One that measures rarely may pass several at once: it was in no one's way.
    if (step >= step_of(state.next)) rungs_[rung].promoted.insert(trial);
  }
}

void AshaPruner::remember(std::int64_t trial, std::int64_t step, double value) {
  State& state = trials_[trial];
  if (!state.curve.put(step, loss(value))) return;
  // It has trained past this rung, so it was promoted from there.
  if (state.next > 0 && step >= step_of(state.next))
    rungs_[static_cast<std::size_t>(state.next) - 1].promoted.insert(trial);
  advance(trial, state, step);
}

void AshaPruner::remember_promotion(std::int64_t trial, int rung, std::int64_t step) {
  const auto index = static_cast<std::size_t>(rung);
  if (rung >= 0 && step == step_of(rung) && index < rungs_.size() && rungs_[index].reached.contains(trial))
    rungs_[index].promoted.insert(trial);
}

std::vector<std::pair<double, std::int64_t>> AshaPruner::ranked(int rung) const {
  std::vector<std::pair<double, std::int64_t>> all;
  for (const auto& [trial, loss] : rungs_[static_cast<std::size_t>(rung)].reached)
    all.emplace_back(loss, trial);
  std::sort(all.begin(), all.end());
  return all;
}

std::size_t AshaPruner::places(int rung) const {
  const std::size_t n = rungs_[static_cast<std::size_t>(rung)].reached.size();
  if (rung == 0 && n < static_cast<std::size_t>(own_.min_trials)) return 0;
  return static_cast<std::size_t>(static_cast<double>(n) / own_.eta);
}

// "frechet 3.2 is number 2 of 7 at rung 1 (step 300), of which the best 2 go on"
Verdict AshaPruner::standing(std::int64_t trial, int rung) const {
  const auto all = ranked(rung);
  const double own = rungs_[static_cast<std::size_t>(rung)].reached.at(trial);
  const auto better =
      std::count_if(all.begin(), all.end(), [&](const auto& other) { return other.first < own; });
  const std::size_t best = places(rung);
  std::string why = said(own) + " is number " + std::to_string(better + 1) + " of " +
                    std::to_string(all.size()) + " at rung " + std::to_string(rung) + " (step " +
                    std::to_string(step_of(rung)) + "), ";
  if (best == 0) {
    why += "too few for one to go on";
  } else if (best == 1) {
    why += "of which the best one goes on";
  } else {
    why += "of which the best " + std::to_string(best) + " go on";
  }
  const double threshold = best == 0 ? std::numeric_limits<double>::infinity() : all[best - 1].first;
  return {Verdict::What::pause,
          why,
          {step_of(rung), rung, value_of(own), value_of(threshold), static_cast<int>(all.size())}};
}

Promotion AshaPruner::promotion(std::int64_t trial, int rung) const {
  const Verdict verdict = standing(trial, rung);
  return {trial, verdict.why, verdict.grounds};
}

Verdict AshaPruner::on_value(std::int64_t trial, std::int64_t step, double value) {
  State& state = trials_[trial];
  const int before = state.next;
  if (!state.curve.put(step, loss(value))) return {};
  advance(trial, state, step);
  if (state.next == before) return {};
  return standing(trial, state.next - 1);
}

std::optional<Promotion> AshaPruner::promote() {
  if (unchanged_) return std::nullopt;
  for (int rung = static_cast<int>(rungs_.size()) - 1; rung >= 0; --rung) {
    const auto all = ranked(rung);
    const std::size_t best = places(rung);
    for (std::size_t i = 0; i < best && std::isfinite(all[i].first); ++i)
      if (rungs_[static_cast<std::size_t>(rung)].promoted.insert(all[i].second).second)
        return promotion(all[i].second, rung);
  }
  unchanged_ = true;
  return std::nullopt;
}

std::optional<Promotion> AshaPruner::last_chance(const std::set<std::int64_t>& held) {
  for (int rung = static_cast<int>(rungs_.size()) - 1; rung >= 0; --rung)
    for (const auto& [loss, trial] : ranked(rung)) {
      if (!held.contains(trial) || !holds(trial) || !std::isfinite(loss)) continue;
      rungs_[static_cast<std::size_t>(rung)].promoted.insert(trial);
      Promotion last = promotion(trial, rung);
      last.why += "; it does although nothing else is left, so that one trial is trained to its end";
      return last;
    }
  return std::nullopt;
}

bool AshaPruner::holds(std::int64_t trial) const {
  const auto found = trials_.find(trial);
  if (found == trials_.end() || found->second.next == 0) return false;
  return !rungs_[static_cast<std::size_t>(found->second.next) - 1].promoted.contains(trial);
}

bool AshaPruner::under_way(std::int64_t trial) const {
  const auto found = trials_.find(trial);
  return found != trials_.end() && found->second.next > 0;
}

Verdict AshaPruner::why_over(std::int64_t trial) const {
  Verdict over = standing(trial, trials_.at(trial).next - 1);
  over.what = Verdict::What::prune;
  over.why += ", and no more come";
  return over;
}

}  // namespace saddle::schedule
