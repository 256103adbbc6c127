#pragma once
#include "program.hpp"

namespace saddle::test {

// {"use": NAME, "after": N}: a broken component that does N calls well.
inline Json use(const std::string& name, int after = 0) { return {{"use", name}, {"after", after}}; }

// Two MLPs on a ring of Gaussians, a few rounds; then one axis of a sweep.
inline Json broken_grid(const std::string& name, const std::string& axis, const Json& values) {
  Json grid = small_grid();
  grid["name"] = name;
  grid["models"]["generator"]["width"] = grid["models"]["discriminator"]["width"] = 4;
  grid["train"]["batch"] = 8;
  grid["metrics"] = Json::array();
  grid["sweep"] = {{axis, {{"values", values}}}};
  return grid;
}

}  // namespace saddle::test
