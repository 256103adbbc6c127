#pragma once
#include <common/json.hpp>
#include <grid/catalogue.hpp>

namespace saddle {

// JSON Schema (draft 7, which editors know best) of a grid file, with the
// parameters of every component. It is a little more lenient than planning, since
// it sees one file alone: nothing but the name is required (a sweep or a file that
// is extended may bring the rest), and what depends on several values, as roles
// and shapes do, is left to `saddle plan`.
Json grid_json_schema(const Catalogue& catalogue);

}  // namespace saddle
