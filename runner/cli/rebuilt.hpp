#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>

#include <db/reader.hpp>

namespace saddle::cli {

// Trials that are done, each with the components ("loss/hinge") of which its result
// was made with another binary than `current` says is there now ("" when it does
// not know: that is no other one).
using CurrentHash = std::function<std::string(const std::string& component, const std::string& file)>;
std::map<std::int64_t, std::set<std::string>> made_with_others(db::Reader& reader,
                                                               const CurrentHash& current);

// The hash of the file now; "" when it is gone. Files that did not change are not
// read again.
CurrentHash hash_of_file();

}  // namespace saddle::cli
