#pragma once
#include <string_view>

namespace saddle::cli {

// A letter as a pen draws it: strokes separated by spaces, each a list of places
// given by two digits: column 0 to 4 and row 0 (top of capitals) to 8; letters
// stand on row 6, rows 7 and 8 are below the line. ASCII from ' ' to '~'; any
// other sign is '?'.
std::string_view glyph(char c);

inline constexpr double kGlyphRows = 6;     // from the top of capitals to the base line
inline constexpr double kGlyphAdvance = 6;  // from one letter to the next, in columns

}  // namespace saddle::cli
