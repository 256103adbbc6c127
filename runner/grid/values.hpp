#pragma once
#include <string>
#include <vector>

#include <common/json.hpp>
#include <grid/schema.hpp>

namespace saddle {

// A value of a sweep and where it is written: its own place in a list, or the
// whole form that computes it.
struct SweptValue {
  Json value;
  std::string source;
};

// At most so many from one form.
inline constexpr std::size_t kMostPoints = 1000000;

// The forms that give a list of values: values, range, logspace, random.
const std::vector<std::string>& value_forms();

// The values of one form for the path `path` (whose name chooses the stream of
// random numbers). Empty, with a report, when the form is wrong.
std::vector<SweptValue> read_values(const std::string& form, const Json& body, const std::string& pointer,
                                    const std::string& path, const Report& report);

// {"random": {"n", "seed", "draw": {PATH: DISTRIBUTION, ...}}}: the i-th values of
// all paths belong together. `paths` in the order in which they are written.
struct Draws {
  std::size_t n = 0;
  std::vector<std::vector<SweptValue>> columns;  // one a path
};
Draws read_draws(const Json& body, const std::string& pointer, const std::vector<std::string>& paths,
                 const Report& report);

}  // namespace saddle
