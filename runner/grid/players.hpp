#pragma once
#include <map>
#include <string>
#include <vector>

#include <grid/entries.hpp>
#include <grid/resolve.hpp>

// Who plays what: what the sections of a config say of each other's players.
namespace saddle {

using Names = std::vector<std::string>;
Names keys(const Json& object);
bool contains(const Names& names, const std::string& name);

// A section while it is made. An Entry that is shared is copied into it.
struct Draft : Section {
  void fault(const std::string& pointer, const std::string& text, bool at_key = false) {
    faults.push_back({pointer, text, at_key});
  }
  Report report() {
    return
        [this](const std::string& pointer, const std::string& text, bool key) { fault(pointer, text, key); };
  }
  void take_faults(const Entry& entry) {
    faults.insert(faults.end(), entry.faults.begin(), entry.faults.end());
  }
};

struct Player {
  const Component* component;  // null: unknown
  const Json* role;            // what the component declares for the role it plays; null: unknown
};

struct Models : Draft {
  std::map<std::string, Player> players;

  const Json* role(const std::string& player) const {
    const auto found = players.find(player);
    return found == players.end() ? nullptr : found->second.role;
  }
  std::string in_role(const std::string& player) const {
    const Json& model = config[player];
    return "model " + model["use"].dump() + " in the role " + model["role"].dump();
  }
};

// a-z, 0-9 and _, a letter first.
bool player_name(const std::string& name);

// A player plays the role of its own name unless told otherwise, or unless its
// model has one role only.
void choose_role(Models& draft, const std::string& player, const std::string& pointer, const Component& model,
                 Json& config, Json& identity);
// train.updates and train.order, of the players that are trained.
void fill_updates(Draft& draft, Json& identity, const Names& trained);
void fill_order(Draft& draft, Json& identity, const Names& trained);

// What a loss needs must be there. Adds the players that it computes for to `served`.
void check_needs(Draft& draft, const Models& models, const Component& loss, const Json& config,
                 const std::string& pointer, Names& served);
// A player whose output another one computes from, undetached, is taught by that one's losses.
void serve_feeders(const Models& models, Names& served);
// Of a metric or of what else looks at a model's output: "pixels" or MODEL.OUTPUT.
void check_features(Draft& draft, const Models& models, const Json& value, const std::string& pointer);
// Of a metric: what says how samples are drawn, in a game in which nobody draws any.
void check_drawing(Draft& draft, const Models& models, const Json& metric, const std::string& pointer);

}  // namespace saddle
