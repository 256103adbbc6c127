#pragma once
#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <common/json.hpp>
#include <db/store.hpp>
#include <schedule/observer.hpp>

// A plan as a file: all that a machine which does not see the database needs to run trials. Written once,
// when it is submitted; what happens to the grid file or to the plugins afterwards does not reach it.
namespace saddle::schedule {

struct PoolPlugin {
  std::filesystem::path file;  // a copy beside the plan
  std::string original;        // where it was taken from
  std::string sha256;
};

struct PoolPlan {
  db::NewExperiment experiment;
  std::vector<std::string> sets;              // the --set arguments of the grid
  Json rules;                                 // limits and the like, as they are stored
  std::map<std::string, PoolPlugin> plugins;  // "loss/hinge"
  std::vector<db::PlannedTrial> trials;       // in the order in which they are run
  std::vector<Json> configs;                  // of each of them

  // Writes it, the copies of the plugins included, which are given with `file` still where they are.
  void write(const std::filesystem::path& plan_file);
  // Throws Error for what is no plan, is of another format, or has a plugin that is not what it was.
  static PoolPlan read(const std::filesystem::path& plan_file);
};

// One of n equal parts of a plan: "3/8".
struct Slice {
  std::size_t number = 1, of = 1;
  static Slice parse(const std::string& text);
  // [first, last) of so many trials.
  std::size_t first(std::size_t trials) const { return (number - 1) * trials / of; }
  std::size_t last(std::size_t trials) const { return number * trials / of; }
  std::string name() const;  // "slice-0003-of-0008"
};

}  // namespace saddle::schedule
