#include <grid/expand.hpp>

#include <algorithm>
#include <cstdio>
#include <unordered_map>

#include <grid/choice.hpp>
#include <grid/identity.hpp>

namespace saddle {
namespace {

constexpr std::size_t kLongestName = 60;

std::string trial_name(int ordinal, const std::string& label, std::int64_t seed) {
  char number[16];
  std::snprintf(number, sizeof number, "%04d", ordinal);
  const std::string end = "-s" + std::to_string(seed);
  const std::size_t room = kLongestName - std::string(number).size() - end.size() - 1;
  std::string middle = label.substr(0, room);
  while (!middle.empty() && std::string("-.+_").find(middle.back()) != std::string::npos) middle.pop_back();
  return number + (middle.empty() ? "" : "-" + middle) + end;
}

class Expander {
 public:
  Expander(std::shared_ptr<const Spec> spec, const Catalogue& catalogue, Plan& plan, Problems& problems)
      : spec_(std::move(spec)), resolver_(catalogue), plan_(plan), problems_(problems) {
    for (const Exclusion& exclusion : spec_->exclude)
      uses_.push_back({0, std::vector<bool>(exclusion.pattern.paths().size())});
  }

  void expand(std::size_t most_trials) {
    if (points() * spec_->seeds.size() > most_trials) {
      problems_.add(spec_->source.where("/sweep", true), "/sweep",
                    product() + " are more than " + std::to_string(most_trials) + " trials; " +
                        (most_trials < kMostTrials ? "say --yes if that is meant, or sweep fewer values"
                                                   : "sweep fewer values, or split the experiment"));
      return;
    }
    plan_.notices = spec_->notices;
    std::vector<std::size_t> point(spec_->axes.size(), 0);
    do {
      add_point(point);
    } while (!problems_.many() && advance(point));
    if (problems_.any()) return;
    check_exclusions();
    if (plan_.trials.empty()) {
      problems_.add(spec_->source.where("/exclude"), "/exclude",
                    "every trial is excluded; nothing is left to run");
    }
    if (duplicates_ > 0) {
      plan_.notices.push_back(std::to_string(duplicates_) +
                              (duplicates_ == 1 ? " trial was" : " trials were") +
                              " merged with an equal one (the same config and seed): " + example_);
    }
    plan_.arithmetic = arithmetic();
  }

 private:
  // How often an exclusion matched, and which of its paths were ever there.
  struct Use {
    std::size_t trials = 0;
    std::vector<bool> found;
  };

  // Saturates instead of overflowing.
  std::size_t points() const {
    std::size_t count = 1;
    for (const Axis& axis : spec_->axes) count = std::min(count * axis.points.size(), kMostTrials + 1);
    return count;
  }

  // The next point; the last axis turns fastest. False after the last one.
  bool advance(std::vector<std::size_t>& point) const {
    for (std::size_t axis = point.size(); axis-- > 0;) {
      if (++point[axis] < spec_->axes[axis].points.size()) return true;
      point[axis] = 0;
    }
    return false;
  }

  void add_point(const std::vector<std::size_t>& point) {
    auto config = std::make_shared<PlannedConfig>();
    const auto origin = std::make_shared<Origin>(spec_, point);
    std::vector<SchemaFault> faults;
    Problems misplaced;
    const Json raw = origin->compose(misplaced);
    config->config =
        resolver_.resolve(raw, [&](const std::string& pointer, const std::string& text, bool at_key) {
          faults.push_back({pointer, text, at_key});
        });
    // Before the faults: leaving out what cannot work together is what exclusions are for.
    const std::vector<std::int64_t> seeds = seeds_left(config->config);
    if (seeds.empty() && !spec_->seeds.empty()) return;
    for (const SchemaFault& fault : faults)
      problems_.add(origin->where(fault.pointer, fault.at_key), fault.pointer, fault.text);
    problems_.add(misplaced);
    if (problems_.any()) return;

    config->hash = identity_hash(config->config.identity());
    config->origin = origin;
    for (std::size_t axis = 0; axis < point.size(); ++axis) {
      const AxisPoint& here = spec_->axes[axis].points[point[axis]];
      config->swept.emplace_back(spec_->axes[axis].label, here.text);
      if (!here.slug.empty()) config->label += (config->label.empty() ? "" : "-") + here.slug;
    }
    for (const std::int64_t seed : seeds) add_trial(config, seed);
  }

  void add_trial(const std::shared_ptr<const PlannedConfig>& config, std::int64_t seed) {
    PlannedTrial trial;
    trial.trial_hash = trial_hash(config->hash, seed);
    trial.seed = seed;
    trial.config = config;
    trial.ordinal = static_cast<int>(plan_.trials.size()) + 1;
    trial.name = trial_name(trial.ordinal, config->label, seed);
    const auto [first, added] = seen_.try_emplace(trial.trial_hash, plan_.trials.size());
    if (added) {
      plan_.trials.push_back(std::move(trial));
    } else if (duplicates_++ == 0) {
      example_ = (config->label.empty() ? "" : config->label + " ") + "seed " + std::to_string(seed) +
                 " is " + plan_.trials[first->second].name;
    }
  }

  // The seeds with which a config is not excluded. Every exclusion looks at every
  // config, so that one that never matches can be told.
  std::vector<std::int64_t> seeds_left(const ResolvedConfig& config) {
    std::vector<bool> gone(spec_->seeds.size());
    Json seed;
    const Pattern::Sections sections = [&](const std::string& name) {
      return name == "seed" ? &seed : config.section(name);
    };
    for (std::size_t i = 0; i < spec_->exclude.size(); ++i) {
      const Pattern& pattern = spec_->exclude[i].pattern;
      for (std::size_t p = 0; p < pattern.paths().size(); ++p)
        if (!uses_[i].found[p]) uses_[i].found[p] = Pattern::exists(pattern.paths()[p], sections);
      const bool by_seed = pattern.uses("seed");
      bool holds = false;
      for (std::size_t s = 0; s < gone.size(); ++s) {
        seed = spec_->seeds[s];
        if (s == 0 || by_seed) holds = pattern.holds(sections);
        if (!holds) continue;
        ++uses_[i].trials;
        gone[s] = true;
      }
    }
    std::vector<std::int64_t> left;
    for (std::size_t s = 0; s < gone.size(); ++s) {
      if (!gone[s]) left.push_back(spec_->seeds[s]);
    }
    excluded_ += gone.size() - left.size();
    return left;
  }

  void check_exclusions() {
    for (std::size_t i = 0; i < spec_->exclude.size(); ++i) {
      const auto& [pattern, pointer] = spec_->exclude[i];
      bool there = true;
      for (std::size_t p = 0; p < pattern.paths().size(); ++p) {
        if (uses_[i].found[p]) continue;
        there = false;
        const std::string path = joined_path(pattern.paths()[p]);
        const std::string at = pointer_child(pointer, path);
        const bool as_key = spec_->source.has(at);
        problems_.add(spec_->source.where(as_key ? at : pointer, as_key), as_key ? at : pointer,
                      "no trial has the path \"" + path + "\", so nothing can be excluded by it. " +
                          suggest_path(path, plan_));
      }
      if (there && uses_[i].trials == 0)
        plan_.notices.push_back(spec_->source.where(pointer) + " " + pointer + ": matches no trial");
    }
  }

  // "3 x 2 x 3"
  std::string product() const {
    std::string text;
    for (const Axis& axis : spec_->axes) text += axis.count + " x ";
    return text + std::to_string(spec_->seeds.size());
  }

  // "3 x 2 x 3 - 2 excluded = 16 trials"
  std::string arithmetic() const {
    std::string text = spec_->axes.empty() && excluded_ + duplicates_ == 0 ? "" : product();
    if (excluded_ > 0) text += " - " + std::to_string(excluded_) + " excluded";
    if (duplicates_ > 0) text += " - " + std::to_string(duplicates_) + " merged";
    const std::size_t total = plan_.trials.size();
    return text + (text.empty() ? "" : " = ") + std::to_string(total) + (total == 1 ? " trial" : " trials");
  }

  std::shared_ptr<const Spec> spec_;
  Resolver resolver_;
  Plan& plan_;
  Problems& problems_;
  std::unordered_map<std::string, std::size_t> seen_;  // trial hash -> index in the plan
  std::vector<Use> uses_;                              // of each exclusion
  std::size_t excluded_ = 0, duplicates_ = 0;
  std::string example_;
};

}  // namespace

void expand(std::shared_ptr<const Spec> spec, const Catalogue& catalogue, std::size_t most_trials, Plan& plan,
            Problems& problems) {
  Expander(std::move(spec), catalogue, plan, problems).expand(most_trials);
}

}  // namespace saddle
