#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <cli/command.hpp>
#include <cli/table.hpp>
#include <common/json.hpp>

namespace saddle::cli {

struct EvalArguments {
  std::string trial, real, fake, features, split, weights, batch_norm, truncations, plot;
  std::vector<std::string> metrics, sets;
  std::vector<std::string> trial_only;  // options that were given and make sense for a trial only
  std::int64_t samples = 0, standing_passes = 0;
  std::optional<std::int64_t> seed;
  std::optional<double> truncation, z_std;
  bool json = false, wait = false;
};

// --set COMPONENT.KEY=VALUE, by component; what nothing took is an error.
class EvalSets {
 public:
  explicit EvalSets(const std::vector<std::string>& arguments);
  // "KEY=VALUE" of one component, with `more` before them.
  std::vector<std::string> of(const std::string& component, std::vector<std::string> more = {});
  void check_all_used() const;

 private:
  std::map<std::string, std::vector<std::string>> sets_;
  std::map<std::string, bool> used_;
};

// Measures the trial's generator as the arguments say, adds the values to the database and prints them.
void evaluate_trial(const EvalArguments& arguments, Globals& globals);

// A number that the worker gave, with its truncation (0: none).
struct Measured {
  std::string name;
  Json protocol;
  double value = 0, truncation = 0;
};
// What to measure instead of metrics that give no curve over truncations; "" for those that do. The two below
// are for these.
std::string no_curve(const std::vector<Measured>& numbers);
// Where a curve over truncations is best, or as good as held-out data: [{"name", "truncation", "frechet" (or
// "recall"), QUALITY}]; null where it does not pass. "validation" as the worker gave it, or null.
OrderedJson operating_points(const std::vector<Measured>& numbers, const Json& validation);
void print_truncation_curve(const EvalArguments& arguments, const std::string& trial,
                            const std::vector<Measured>& numbers, const Json& validation);

}  // namespace saddle::cli
