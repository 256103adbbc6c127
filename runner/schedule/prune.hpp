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
// asked for decisions; it knows no process and no database, and what it decides
// follows from what it was told alone. Steps are rounds. NaN and infinities are
// worse than every number.

struct PruneRule {
  std::string metric;
  bool larger_is_better = false;
  int smooth = 1;                       // how many of a trial's last values are averaged
  std::optional<std::string> protocol;  // under which it was measured so far; none: not known yet
};

// What a decision rests on. Of values that are not finite: NaN.
struct Grounds {
  std::int64_t step = -1;
  int rung = -1;
  double value = 0, threshold = 0;
  int compared = 0;  // trials
};

struct Verdict {
  enum class What { go_on, prune, pause };
  What what = What::go_on;
  std::string why;  // for the record; empty: nothing was decided
  Grounds grounds;
};

struct Promotion {
  std::int64_t trial = 0;
  std::string why;
  Grounds grounds;  // the rung at which it was paused
};

class Pruner {
 public:
  explicit Pruner(PruneRule rule) : rule_(std::move(rule)) {}
  virtual ~Pruner() = default;

  const PruneRule& rule() const { return rule_; }

  // A value that was measured in an earlier run, and a promotion that was made
  // there from a rung at `step`. Nothing is decided by them. A trial's values
  // before its promotions.
  virtual void remember(std::int64_t trial, std::int64_t step, double value) = 0;
  virtual void remember_promotion(std::int64_t /*trial*/, int /*rung*/, std::int64_t /*step*/) {}
  // What all that is remembered says of a trial that does not run: a run may have
  // been cut off after the value and before the decision.
  virtual Verdict recall(std::int64_t /*trial*/) const { return {}; }

  // A running trial has measured. What is to become of it? A value for a step that
  // it had before takes that one's place and decides nothing.
  virtual Verdict on_value(std::int64_t trial, std::int64_t step, double value) = 0;

  // Is asked before a trial that waits is started, and whenever something may run:
  // a paused trial that is to go on now, at once or as soon as it has stopped.
  virtual std::optional<Promotion> promote() { return std::nullopt; }
  // Nothing else runs or waits, and no trial was trained to its end: which of `held`
  // is to be that one.
  virtual std::optional<Promotion> last_chance(const std::set<std::int64_t>& /*held*/) {
    return std::nullopt;
  }
  // True of a trial that waits for its promotion.
  virtual bool holds(std::int64_t /*trial*/) const { return false; }
  // True of one that has been promoted, or waits to be: it comes before those that are new.
  virtual bool under_way(std::int64_t /*trial*/) const { return false; }
  // Why a trial that is still held is over, once nothing runs or waits any more.
  virtual Verdict why_over(std::int64_t /*trial*/) const { return {}; }

 protected:
  // As a number of which less is better, and back: NaN for what was not finite.
  double loss(double value) const;
  double value_of(double loss) const;
  // "frechet 3.21", "frechet 3.21 (mean of its last 3)"
  std::string said(double loss) const;

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
  // At most the last n steps up to one, the latest first.
  std::vector<std::int64_t> steps_up_to(std::int64_t step, int n) const;

 private:
  std::map<std::int64_t, double> values_;
};

// The median rule (Golovin and others 2017, "Google Vizier", section 3.2.1, with
// the present value in place of the best so far): a trial whose smoothed value at a
// step is worse than the median of what the others had at that step, those that
// have come as far, is pruned; if so at each of its last `patience` measurements,
// none of them before step `warmup` or before `min_trials` others had come as far.
class MedianPruner : public Pruner {
 public:
  struct Rule {
    std::int64_t warmup = 0;
    int min_trials = 5;
    int patience = 1;
  };
  MedianPruner(PruneRule common, Rule rule) : Pruner(std::move(common)), own_(rule) {}

  void remember(std::int64_t trial, std::int64_t step, double value) override;
  Verdict recall(std::int64_t trial) const override;
  Verdict on_value(std::int64_t trial, std::int64_t step, double value) override;

 private:
  struct Comparison {
    double own = 0, median = 0;
    int others = 0;
  };
  // None when the trial is not worse, or when it cannot be said.
  std::optional<Comparison> worse_at(std::int64_t trial, std::int64_t step) const;
  Verdict judge(std::int64_t trial, std::int64_t step) const;

  Rule own_;
  std::map<std::int64_t, Curve> curves_;
};

// Asynchronous successive halving (Li and others 2018, arXiv:1810.05934, algorithm
// 2). Rung k is at step warmup * eta^k. A trial that reaches a rung is promoted if
// it is among the best 1/eta of all that have reached it so far; else it pauses,
// and may be promoted later, when more have come. What is left at the end is pruned.
// Beyond the paper: nobody leaves the first rung before `min_trials` have reached it,
// what is not finite is never promoted, and when at the end no trial was trained to
// its last round, the best one of the furthest rung is.
class AshaPruner : public Pruner {
 public:
  struct Rule {
    std::int64_t warmup = 1;  // step of rung 0
    double eta = 3;
    int min_trials = 1;
  };
  AshaPruner(PruneRule common, Rule rule) : Pruner(std::move(common)), own_(rule) {}

  void remember(std::int64_t trial, std::int64_t step, double value) override;
  void remember_promotion(std::int64_t trial, int rung, std::int64_t step) override;
  Verdict on_value(std::int64_t trial, std::int64_t step, double value) override;
  std::optional<Promotion> promote() override;
  std::optional<Promotion> last_chance(const std::set<std::int64_t>& held) override;
  bool holds(std::int64_t trial) const override;
  bool under_way(std::int64_t trial) const override;
  Verdict why_over(std::int64_t trial) const override;

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
  // Of a rung, those that have reached it, the best first.
  std::vector<std::pair<double, std::int64_t>> ranked(int rung) const;
  // How many of these go on.
  std::size_t places(int rung) const;
  // How a trial stands at a rung, in words and numbers.
  Verdict standing(std::int64_t trial, int rung) const;
  Promotion promotion(std::int64_t trial, int rung) const;

  Rule own_;
  std::map<std::int64_t, State> trials_;
  std::vector<Rung> rungs_;
  bool unchanged_ = false;  // since promote() found nobody
};

}  // namespace saddle::schedule
