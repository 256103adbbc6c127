#pragma once
#include <string_view>

namespace saddle {

// Values of which more is better, by name: of metrics that said so by their names alone before descriptions
// had `higher`. Their protocols are as they were; those of other metrics that say `higher` have "better":
// "higher".
bool known_as_higher(std::string_view metric);

}  // namespace saddle
