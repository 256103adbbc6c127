#pragma once
#include <vector>

#include <grid/problems.hpp>
#include <grid/spec.hpp>

namespace saddle {

// The axes under "sweep", in the order in which they stand in the file.
std::vector<Axis> read_sweep(const Document& document, Problems& problems);

}  // namespace saddle
