#pragma once
#include <string>

#include <common/json.hpp>
#include <grid/entries.hpp>

namespace saddle {

// A metric's "features" that name a feature extractor, {"use": MODEL, ...}: checked against the model's
// schema and the host's, the file of its weights found and its SHA-256 put beside it. The identity has that
// hash in place of the path: the same weights elsewhere are the same trial.
Entry check_extractor(Entries& entries, const Catalogue& catalogue, const Json& written,
                      const std::string& pointer);

}  // namespace saddle
