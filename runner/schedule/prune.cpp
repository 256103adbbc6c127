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

void MedianPruner::remember(std::int64_t trial, std::int64_t step, double value) {
  curves_[trial].put(step, loss(value));
}

Verdict MedianPruner::on_value(std::int64_t trial, std::int64_t step, double value) {
  Curve& own = curves_[trial];
  if (!own.put(step, loss(value)) || step < own_.warmup) return {};
  std::vector<double> others;
  for (const auto& [other, curve] : curves_)
    if (other != trial && curve.last_step() >= step)
      if (const auto then = curve.at(step, rule().smooth)) others.push_back(*then);
  if (static_cast<int>(others.size()) < own_.min_trials) return {};
  const double now = *own.at(step, rule().smooth), middle = median(others);
  if (!(now > middle)) {
    strikes_[trial] = 0;
    return {};
  }
  if (++strikes_[trial] < own_.patience) return {};
  const double sign = rule().larger_is_better ? -1 : 1;
  return {Verdict::What::prune,
          rule().metric + " " + number(sign * now) + " at step " + std::to_string(step) + " is worse than " +
              number(sign * middle) + ", the median of " + std::to_string(others.size()) +
              " other trials there" +
              (own_.patience > 1 ? ", " + std::to_string(own_.patience) + " times in a row" : "")};
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

void AshaPruner::remember_promotion(std::int64_t trial, int rung) {
  const auto index = static_cast<std::size_t>(rung);
  if (index < rungs_.size() && rungs_[index].reached.contains(trial)) rungs_[index].promoted.insert(trial);
}

// "2nd of 7 at step 300"
std::string AshaPruner::standing(std::int64_t trial, int rung) const {
  const auto& reached = rungs_[static_cast<std::size_t>(rung)].reached;
  const double own = reached.at(trial);
  const auto better =
      std::count_if(reached.begin(), reached.end(), [&](const auto& other) { return other.second < own; });
  const double sign = rule().larger_is_better ? -1 : 1;
  return rule().metric + " " + number(sign * own) + " is number " + std::to_string(better + 1) + " of " +
         std::to_string(reached.size()) + " at rung " + std::to_string(rung) + " (step " +
         std::to_string(step_of(rung)) + ")";
}

Verdict AshaPruner::on_value(std::int64_t trial, std::int64_t step, double value) {
  State& state = trials_[trial];
  const int before = state.next;
  if (!state.curve.put(step, loss(value))) return {};
  advance(trial, state, step);
  if (state.next == before) return {};
  return {Verdict::What::pause, standing(trial, state.next - 1)};
}

std::optional<Promotion> AshaPruner::promote() {
  for (std::size_t k = rungs_.size(); k-- > 0;) {
    Rung& rung = rungs_[k];
    std::vector<std::pair<double, std::int64_t>> ranked;
    for (const auto& [trial, loss] : rung.reached) ranked.emplace_back(loss, trial);
    std::sort(ranked.begin(), ranked.end());
    const auto best = static_cast<std::size_t>(static_cast<double>(ranked.size()) / own_.eta);
    for (std::size_t i = 0; i < best; ++i) {
      const std::int64_t trial = ranked[i].second;
      if (!rung.promoted.insert(trial).second) continue;
      return Promotion{trial, static_cast<int>(k), standing(trial, static_cast<int>(k))};
    }
  }
  return std::nullopt;
}

bool AshaPruner::holds(std::int64_t trial) const {
  const auto found = trials_.find(trial);
  if (found == trials_.end() || found->second.next == 0) return false;
  return !rungs_[static_cast<std::size_t>(found->second.next) - 1].promoted.contains(trial);
}

std::string AshaPruner::why_over(std::int64_t trial) const {
  return standing(trial, trials_.at(trial).next - 1) + ", not among the best 1/" + number(own_.eta);
}

}  // namespace saddle::schedule
