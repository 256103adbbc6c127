#pragma once
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

}  // namespace saddle
