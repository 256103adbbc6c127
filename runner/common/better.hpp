#pragma once
#include <set>
#include <string>
#include <string_view>

namespace saddle {

// Values of which more is better, by name: of metrics that said so by their names alone before descriptions
// had `higher`. Their protocols are as they were; those of other metrics that say `higher` have "better":
// "higher".
bool known_as_higher(std::string_view metric);

// `name`, which a metric lists in `higher`, is none of the numbers that it `gives`: the one that was probably
// meant, of those that nobody calls higher; "" when none is near.
std::string meant_as_higher(const std::string& name, const std::set<std::string>& higher,
                            const std::set<std::string>& gives);

}  // namespace saddle
