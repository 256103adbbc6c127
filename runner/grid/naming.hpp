#pragma once
#include <string>
#include <vector>

#include <grid/spec.hpp>

namespace saddle {

// Gives each point of an axis the text that tables show and the slug that trials
// are named by, from the values it puts: "hinge+r1", "width32".
void name_points(Axis& axis);

// What some values are called together: "hinge+r1-0.5" as text, "hinge+r1-gamma0.5"
// as slug; with `whole`, all that a component sets and not only its name.
struct Names {
  std::string text, slug;
};
// Whether each text is there once.
bool distinct(const std::vector<Names>& names);
Names names_of(const std::vector<Override>& overrides, bool whole);

// Letters, digits and . _ + only; runs of others become one "-".
std::string slug_of(const std::string& text);

}  // namespace saddle
