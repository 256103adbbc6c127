#pragma once
#include <string>

#include <common/json.hpp>
#include <grid/catalogue.hpp>
#include <grid/schema.hpp>

namespace saddle {

struct Resolution {
  Json config;    // every default filled in, numbers canonical: what the worker reads
  Json identity;  // components as name@version, defaults dropped, without record and checkpoint
};

// Checks a whole config (one point of the grid, without seed) against the host's
// schema and the components' own, and fills in what was left out. Faults are
// reported; what is returned is then the best guess, good enough to match an
// exclusion.
Resolution resolve(const Json& raw, const Catalogue& catalogue, const Report& report);

// Why nothing goes by this name, with the nearest one and where to look.
std::string unknown_component(const Catalogue& catalogue, const std::string& kind, const std::string& name);

}  // namespace saddle
