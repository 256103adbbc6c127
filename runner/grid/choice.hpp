#pragma once
#include <string>
#include <vector>

#include <grid/pattern.hpp>
#include <grid/plan.hpp>

namespace saddle {

// Which trials of a plan are meant: --only NAME-GLOB and --where CONDITION.
class Choice {
 public:
  // Throws Error for what is no condition. Of several globs one must fit, of
  // several conditions all.
  Choice(const std::vector<std::string>& only, const std::vector<std::string>& where);
  Choice() = default;

  bool everything() const { return only_.empty() && where_.empty(); }
  bool reads_configs() const { return !where_.empty(); }
  bool takes(const std::string& name, std::int64_t seed, const Pattern::Sections& sections) const;

  // Throws Error when nothing was chosen from `names`, with what would be.
  void expect_some(std::size_t chosen, const std::vector<std::string>& names) const;
  // Throws Error for a path in a condition that no trial has, with the nearest.
  void expect_paths(const Plan& plan) const;

 private:
  std::vector<std::string> only_, texts_;
  std::vector<Pattern> where_;
};

// The trials of a plan that are chosen. Throws Error when there are none, and for
// a path that no trial has.
std::vector<PlannedTrial> chosen_trials(const Plan& plan, const Choice& choice);

// "Nearest: ..." among the paths that the trials of a plan have; may be empty.
std::string suggest_path(const std::string& path, const Plan& plan);

}  // namespace saddle
