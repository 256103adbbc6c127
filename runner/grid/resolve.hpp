#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <common/json.hpp>
#include <grid/catalogue.hpp>
#include <grid/entries.hpp>
#include <grid/schema.hpp>

namespace saddle {

// One section of a config, resolved. All configs share it that agree in what it
// depends on.
struct Section {
  Json config;           // defaults filled in, numbers canonical
  std::string identity;  // canonical JSON of what it adds to the identity; "" when that is nothing
  std::vector<SchemaFault> faults;
};

// A whole config: every default filled in, numbers canonical.
class ResolvedConfig {
 public:
  // Null when the config has no such section.
  const Json* section(const std::string& name) const;
  // The section itself: equal addresses mean equal content.
  const Section* shared(const std::string& name) const;
  Json json() const;  // what the worker reads

  // Canonical JSON: components as name@version, defaults dropped, without record
  // and checkpoint. Its hash is the config's.
  std::string identity() const;

 private:
  friend class Resolver;
  std::map<std::string, std::shared_ptr<const Section>> sections_;
};

// Checks whole configs (points of the grid, without seed) against the host's
// schema and the components' own, and fills in what was left out. What many
// configs have in common is checked once. Not for several threads at once; the
// catalogue must outlive it.
class Resolver {
 public:
  explicit Resolver(const Catalogue& catalogue);
  ~Resolver();

  // Faults are reported; what is returned is then the best guess, good enough to
  // match an exclusion.
  ResolvedConfig resolve(const Json& raw, const Report& report);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct Resolution {
  Json config, identity;
};
// The same for a single config.
Resolution resolve(const Json& raw, const Catalogue& catalogue, const Report& report);

}  // namespace saddle
