#pragma once
#include <vector>

#include <grid/problems.hpp>
#include <grid/source.hpp>
#include <grid/spec.hpp>

namespace saddle {

// The axes under "sweep", in the order in which they are written.
std::vector<Axis> read_sweep(const Source& source, Problems& problems);

}  // namespace saddle
