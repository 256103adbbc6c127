#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace saddle {

// Letters to insert, delete, replace or swap with a neighbour to get from one
// word to the other (optimal string alignment).
int edit_distance(std::string_view a, std::string_view b);

// The name that `word` was probably meant to be: the closest one, at most a
// third of its letters away, or one that begins with `word`. Empty when none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& names);

// "Nearest: "hinge". " when something is near, then "Known: a, b, c." with at
// most `shown` names. For the end of an error message; never empty.
std::string suggestion(std::string_view word, const std::vector<std::string>& names, std::size_t shown = 12);

}  // namespace saddle
