#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace saddle::schedule {

// Which trials are not worth going on with, by one metric. Pure: told of values,
// asked for decisions; it knows no process and no database. Steps are rounds.
// NaN and infinities are worse than every number.

struct PruneRule {
  std::string metric;
  bool larger_is_better = false;
  int smooth = 1;  // how many of a trial's last values are averaged
};

struct Verdict {
  enum class What { go_on, prune, pause };
  What what = What::go_on;
  std::string why;  // for the record; empty: nothing was decided
};

struct Promotion {
  std::int64_t trial = 0;
  int rung = 0;  // it was paused at
  std::string why;
};

class Pruner {
 public:
  explicit Pruner(PruneRule rule) : rule_(std::move(rule)) {}
  virtual ~Pruner() = default;

  const PruneRule& rule() const { return rule_; }

  // A value that was measured in an earlier run, and a promotion that was made
  // there. Nothing is decided by them. A trial's values before its promotions.
  virtual void remember(std::int64_t trial, std::int64_t step, double value) = 0;
  virtual void remember_promotion(std::int64_t /*trial*/, int /*rung*/) {}

  // A running trial has measured. What is to become of it? A value for a step that
  // it had before takes that one's place and decides nothing.
  virtual Verdict on_value(std::int64_t trial, std::int64_t step, double value) = 0;

  // Is asked before a trial that waits is started, and whenever something may run:
  // a paused trial that is to go on now, at once or as soon as it has stopped.
  virtual std::optional<Promotion> promote() { return std::nullopt; }
  // True of a trial that waits for its promotion.
  virtual bool holds(std::int64_t /*trial*/) const { return false; }
  // Why a trial that is still held is over, once nothing runs or waits any more.
  virtual std::string why_over(std::int64_t /*trial*/) const { return {}; }

 protected:
  // As a number of which less is better.
  double loss(double value) const;

 private:
  PruneRule rule_;
};

// A trial's values of one metric.
class Curve {
 public:
  // False when there was one for this step.
  bool put(std::int64_t step, double loss);
  // Mean of the last `smooth` values up to a step; none before the first.
  std::optional<double> at(std::int64_t step, int smooth) const;
  std::int64_t last_step() const { return values_.empty() ? -1 : values_.rbegin()->first; }

 private:
  std::map<std::int64_t, double> values_;
};

// The median rule (Golovin and others 2017, "Google Vizier", section 3.2.1, with
// the present value in place of the best so far): a trial whose smoothed value at a
// step is worse than the median of what the others had at that step, those that
// have come as far, is pruned; `patience` times in a row, not before step `warmup`,
// and not before `min_trials` others have come as far.
class MedianPruner : public Pruner {
 public:
  struct Rule {
    std::int64_t warmup = 0;
    int min_trials = 5;
    int patience = 1;
  };
  MedianPruner(PruneRule common, Rule rule) : Pruner(std::move(common)), own_(rule) {}

  void remember(std::int64_t trial, std::int64_t step, double value) override;
  Verdict on_value(std::int64_t trial, std::int64_t step, double value) override;

 private:
  Rule own_;
  std::map<std::int64_t, Curve> curves_;
  std::map<std::int64_t, int> strikes_;  // in a row
};

// Asynchronous successive halving (Li and others 2018, arXiv:1810.05934, algorithm
// 2). Rung k is at step warmup * eta^k. A trial that reaches a rung is promoted if
// it is among the best 1/eta of all that have reached it so far; else it pauses,
// and may be promoted later, when more have come. What is left at the end is pruned.
class AshaPruner : public Pruner {
 public:
  struct Rule {
    std::int64_t warmup = 1;  // step of rung 0
    double eta = 3;
  };
  AshaPruner(PruneRule common, Rule rule) : Pruner(std::move(common)), own_(rule) {}

  void remember(std::int64_t trial, std::int64_t step, double value) override;
  void remember_promotion(std::int64_t trial, int rung) override;
  Verdict on_value(std::int64_t trial, std::int64_t step, double value) override;
  std::optional<Promotion> promote() override;
  bool holds(std::int64_t trial) const override;
  std::string why_over(std::int64_t trial) const override;

  std::int64_t step_of(int rung) const;

 private:
  struct Rung {
    std::map<std::int64_t, double> reached;  // trial -> loss
    std::set<std::int64_t> promoted;
  };
  struct State {
    Curve curve;
    int next = 0;  // rung that it has yet to reach
  };

  // The rungs that this value takes the trial to.
  void advance(std::int64_t trial, State& state, std::int64_t step);
  std::string standing(std::int64_t trial, int rung) const;

  Rule own_;
  std::map<std::int64_t, State> trials_;
  std::vector<Rung> rungs_;
};

}  // namespace saddle::schedule
