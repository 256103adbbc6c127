#include <cli/configs.hpp>

#include <cli/table.hpp>
#include <common/json.hpp>

namespace saddle::cli {

ConfigTable::ConfigTable(const std::map<std::string, ConfigParams>& configs) {
  for (const auto& [hash, params] : configs) {
    const std::size_t config = add(hash);
    for (const auto& [path, value] : params) set(config, path, value);
  }
}

std::size_t ConfigTable::add(const std::string& config_hash) {
  hashes_.push_back(config_hash);
  for (auto& column : columns_) column.push_back(kAbsent);
  return hashes_.size() - 1;
}

void ConfigTable::set(std::size_t config, const std::string& path, const db::Value& value) {
  const auto [at, is_new] = path_index_.try_emplace(path, paths_.size());
  if (is_new) {
    paths_.push_back(path);
    columns_.emplace_back(hashes_.size(), kAbsent);
  }
  const auto [number, unseen] = value_index_.try_emplace(exact_text(value), static_cast<int>(texts_.size()));
  if (unseen) texts_.push_back(value_text(value));
  columns_[at->second][config] = number->second;
}

int ConfigTable::find(const std::string& path) const {
  const auto found = path_index_.find(path);
  return found == path_index_.end() ? kAbsent : static_cast<int>(found->second);
}

const std::string& ConfigTable::text(int value) const {
  static const std::string none;
  return value == kAbsent ? none : texts_[static_cast<std::size_t>(value)];
}

ConfigTable read_configs(db::Reader& reader, const Scope& scope, const std::vector<std::string>& paths) {
  ConfigTable configs;
  // Rows of one config follow each other.
  std::size_t config = 0;
  for (const auto& row : reader.named("params_of", scope.binds({Json(paths).dump()})).rows) {
    const std::string& hash = std::get<std::string>(row[0]);
    if (configs.size() == 0 || configs.hash(config) != hash) config = configs.add(hash);
    configs.set(config, std::get<std::string>(row[1]), row[2]);
  }
  return configs;
}

}  // namespace saddle::cli
