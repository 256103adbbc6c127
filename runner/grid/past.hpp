#pragma once
#include <optional>
#include <string>
#include <vector>

#include <common/json.hpp>
#include <grid/catalogue.hpp>
#include <grid/entries.hpp>

namespace saddle {

// The trial that {"experiment": NAME, "best": METRIC} or {"trial": NAME} means, and its checkpoint; other
// keys are not looked at. Nothing, with a fault, when there is none.
std::optional<TrainedWeights> find_trained(const Catalogue& catalogue, const Json& reference,
                                           const std::string& pointer, std::vector<SchemaFault>& faults);

// What a game takes over from a past trial, "from" of a model or of train: the host's schema `name` applied,
// the checkpoint's file found, its SHA-256 and the trial put beside it. The identity has that hash in the
// place of all that leads to it. {"player"} alone, another player of the same game, stays what it is.
struct Past {
  Json config, identity;
};
Past check_past(const Catalogue& catalogue, const char* name, const Json& written, const std::string& pointer,
                std::vector<SchemaFault>& faults);

}  // namespace saddle
