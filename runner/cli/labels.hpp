#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <cli/configs.hpp>
#include <cli/scope.hpp>
#include <common/json.hpp>
#include <db/reader.hpp>

namespace saddle::cli {

// What tells configs apart: a title for each thing that differs, and for each
// config one text a title.
struct Distinctions {
  std::vector<std::string> titles;
  std::vector<std::string> paths;  // of each title; of a list of components its own, of a name none
  std::map<std::string, std::vector<std::string>> cells;  // by config_hash

  // "losses=hinge+r1 generator.width=32"
  std::string label(const std::string& config_hash) const;
};

// A parameter counts as different only among configs that use the same component
// there: of dcgan and sngan it is `use` that differs, not what only one of them
// has. A list of components (losses) is one thing: "hinge+kdd(weight=0.5)".
Distinctions distinguish(const ConfigTable& configs);

// The configs of the trials in scope.
Distinctions distinguish(db::Reader& reader, const Scope& scope);

// For each protocol (JSON text) what tells it from the others: "features=pixels".
// Empty for a protocol that is alone.
std::map<std::string, std::string> protocol_labels(const std::vector<std::string>& protocols);

}  // namespace saddle::cli
