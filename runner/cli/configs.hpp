#pragma once
#include <cstddef>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include <cli/scope.hpp>
#include <db/reader.hpp>

namespace saddle::cli {

using ConfigParams = std::map<std::string, db::Value>;  // path -> value

// Parameters of many configs, a column a path: thousands of configs share a few
// paths and values, so both are numbers here.
class ConfigTable {
 public:
  static constexpr int kAbsent = -1;

  ConfigTable() = default;
  explicit ConfigTable(const std::map<std::string, ConfigParams>& configs);  // by config_hash

  std::size_t add(const std::string& config_hash);
  void set(std::size_t config, const std::string& path, const db::Value& value);

  std::size_t size() const { return hashes_.size(); }
  const std::string& hash(std::size_t config) const { return hashes_[config]; }
  std::size_t paths() const { return paths_.size(); }
  const std::string& path(std::size_t index) const { return paths_[index]; }
  // The column of a path, or kAbsent.
  int find(const std::string& path) const;
  // Equal numbers are equal values.
  int value(std::size_t config, std::size_t path) const { return columns_[path][config]; }
  // A value as a person reads it; "" for kAbsent.
  const std::string& text(int value) const;

 private:
  std::vector<std::string> hashes_, paths_, texts_;
  std::vector<std::vector<int>> columns_;  // by path, then config
  std::unordered_map<std::string, std::size_t> path_index_;
  std::unordered_map<std::string, int> value_index_;
};

// Of the configs of the trials in scope the parameters with these paths.
ConfigTable read_configs(db::Reader& reader, const Scope& scope, const std::vector<std::string>& paths);

}  // namespace saddle::cli
