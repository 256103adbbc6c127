#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <cli/labels.hpp>
#include <cli/outcome.hpp>
#include <cli/scope.hpp>
#include <cli/statistics.hpp>

namespace saddle::cli {

// What a parameter is in each config, as a text to sort trials by.
class Grouping {
 public:
  // `word`: a title of `distinctions` ("losses", "generator.width"), a path, or
  // the end of one, of parameters that are the same wherever a config has
  // several; or "seed". Throws Error that names `option` if it means nothing or
  // too much, or is the same in all trials in scope.
  Grouping(db::Reader& reader, const Scope& scope, const Distinctions& distinctions, const std::string& word,
           const std::string& option);

  const std::string& title() const { return title_; }
  std::string of(const Outcome& outcome) const;  // "-" where a config has no such parameter

 private:
  std::string title_;
  std::map<std::string, std::string> cells_;  // by config_hash
  bool seed_ = false;
};

// Numbers by size, texts as they stand in the alphabet, numbers first.
bool less_as_value(const std::string& a, const std::string& b);

struct LessAsValues {
  bool operator()(const std::vector<std::string>& a, const std::vector<std::string>& b) const;
};

// Trials that are alike in some parameters.
struct Group {
  Tally tally;
  std::map<std::string, std::vector<double>> by_config;  // the values that count
  std::optional<Interval> interval() const;              // of the mean
  bool over_seeds() const;  // the interval is of seeds within configs: each has two or more
};

using Groups = std::map<std::vector<std::string>, Group, LessAsValues>;

// Of those measured under `protocol`; a trial that measured nothing is in its
// group whatever the protocol.
Groups sort_into_groups(const std::vector<Outcome>& outcomes, const std::string& protocol,
                        const std::vector<Grouping>& by);

}  // namespace saddle::cli
