#include <grid/players.hpp>

#include <algorithm>

#include <common/nearest.hpp>
#include <common/needs.hpp>
#include <grid/host_schema.hpp>
#include <grid/schema.hpp>
#include <grid/spec.hpp>

namespace saddle {
namespace {

std::string joined(const Json& names) {
  std::string text;
  for (const Json& name : names) text += (text.empty() ? "" : ", ") + name.get<std::string>();
  return text.empty() ? "nothing" : text;
}

bool contains(const Json& list, const std::string& name) {
  return list.is_array() && std::find(list.begin(), list.end(), Json(name)) != list.end();
}

// "MODEL.OUTPUT", "gradient:SAMPLE.INPUT", or a word such as label, which only
// the dataset itself can prove.
void check_need(Draft& draft, const Models& models, const std::string& what, const std::string& player,
                const std::string& need, const std::string& pointer) {
  const std::size_t dot = need.find('.');
  if (dot == std::string::npos) return;
  if (need.starts_with("gradient:")) {
    const Json* role = models.role(player);
    if (role == nullptr || contains((*role)["inputs"], need.substr(dot + 1))) return;
    return draft.fault(pointer, what + " needs the gradient by " + need.substr(9) + "; " +
                                    models.in_role(player) + " takes " + joined((*role)["inputs"]));
  }
  const std::string model = need.substr(0, dot), output = need.substr(dot + 1);
  if (!models.players.contains(model)) {
    return draft.fault(pointer, what + " needs " + need + "; there is no model \"" + model +
                                    "\" (models: " + joined(keys(models.config)) + ")");
  }
  const Json* role = models.role(model);
  if (role == nullptr || contains((*role)["outputs"], output)) return;
  draft.fault(pointer, what + " needs " + need + "; " + models.in_role(model) + " offers " +
                           joined((*role)["outputs"]) + ". Take a model that offers it, or another loss");
}

}  // namespace

Names keys(const Json& object) {
  Names names;
  if (object.is_object()) {
    for (const auto& [key, value] : object.items()) names.push_back(key);
  }
  return names;
}

bool contains(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool player_name(const std::string& name) {
  return !name.empty() && name[0] >= 'a' && name[0] <= 'z' &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

void choose_role(Models& draft, const std::string& player, const std::string& pointer, const Component& model,
                 Json& config, Json& identity) {
  const Json& roles = model.roles();
  const std::string natural = roles.contains(player) || roles.size() != 1 ? player : roles.begin().key();
  const bool given = config.contains("role");
  if (!given) config["role"] = natural;
  const Json& role = config["role"];
  if (role == natural) identity.erase("role");
  if (!role.is_string()) return;
  if (roles.contains(role.get<std::string>())) {
    draft.players[player].role = &roles[role.get<std::string>()];
    return;
  }
  draft.fault(given ? pointer + "/role" : pointer,
              "model \"" + model.name + "\" has no role " + role.dump() +
                  (given ? ". " : ", the name of this player; choose one with \"role\". ") +
                  suggestion(role.get<std::string>(), keys(roles)));
}

void fill_updates(Draft& draft, Json& identity, const Names& trained) {
  Json& updates = draft.config["updates"];
  if (!updates.is_object()) return;
  for (const std::string& player : keys(updates)) {
    if (contains(trained, player)) continue;
    draft.fault(pointer_child("/train/updates", player),
                "\"" + player + "\" is not trained: it has no optimizer. " + suggestion(player, trained),
                true);
  }
  Json kept = Json::object();
  for (const std::string& player : trained) {
    if (!updates.contains(player)) updates[player] = 1;
    if (updates[player] != 1) kept[player] = updates[player];
  }
  identity.erase("updates");
  if (!kept.empty()) identity["updates"] = std::move(kept);
}

void fill_order(Draft& draft, Json& identity, const Names& trained) {
  Json usual = Json::array();
  for (const std::string& player : trained) {
    if (player != "generator") usual.push_back(player);
  }
  if (contains(trained, "generator")) usual.push_back("generator");
  if (!draft.config.contains("order")) draft.config["order"] = usual;
  const Json& order = draft.config["order"];
  if (order == usual) {
    identity.erase("order");
    return;
  }
  if (!order.is_array()) return;
  Json sorted = order;
  std::sort(sorted.begin(), sorted.end());
  if (sorted != Json(trained)) {
    draft.fault("/train/order", "expected each trained player once (" + joined(trained) + "), found " +
                                    describe_value(order));
  }
}

void check_needs(Draft& draft, const Models& models, const Component& loss, const Json& config,
                 const std::string& pointer, Names& served) {
  const std::string what = "loss \"" + loss.name + "\"";
  bool any = false;
  const Json cast = config.value("players", Json::object());
  const auto player = [&](const std::string& role) {
    const Json named = cast.is_object() ? cast.value(role, Json(role)) : Json(role);
    return named.is_string() ? named.get<std::string>() : role;
  };
  for (const auto& [role, entry] : loss.roles().items()) {
    if (!models.players.contains(player(role))) continue;
    any = true;
    served.push_back(player(role));
    for (const std::string& need : needs_of(entry, config)) {
      const std::size_t dot = need.starts_with("gradient:") ? std::string::npos : need.find('.');
      check_need(draft, models, what, player(role),
                 dot == std::string::npos ? need : player(need.substr(0, dot)) + need.substr(dot), pointer);
    }
  }
  if (!any) {
    draft.fault(pointer, what + " computes for " + joined(keys(loss.roles())) +
                             "; no model is called so (models: " + joined(keys(models.config)) + ")");
  }
}

void serve_feeders(const Models& models, Names& served) {
  for (std::size_t i = 0; i < served.size(); ++i) {
    const Json& model = models.config[served[i]];
    if (!model.is_object() || !model.contains("inputs")) continue;
    const Json inputs = model["inputs"];
    if (!inputs.is_object()) continue;
    for (const auto& [name, link] : inputs.items()) {
      const Json from = link.is_object() ? link.value("from", Json()) : link;
      if (!from.is_string() || (link.is_object() && link.value("detach", Json()) == true)) continue;
      const std::string text = from, player = text.substr(0, text.find('.'));
      if (models.players.contains(player) && !contains(served, player)) served.push_back(player);
    }
  }
}

void check_features(Draft& draft, const Models& models, const Json& value, const std::string& pointer) {
  if (!value.is_string() || value == "pixels") return;
  const Names path = split_path(value);
  if (path.size() != 2) {
    return draft.fault(
        pointer,
        "expected \"pixels\", MODEL.OUTPUT, as discriminator.features, or {\"use\": EXTRACTOR}, found " +
            value.dump());
  }
  if (!models.players.contains(path[0])) {
    return draft.fault(pointer, "no model \"" + path[0] + "\". " + suggestion(path[0], keys(models.config)));
  }
  const Json* role = models.role(path[0]);
  if (role == nullptr || contains((*role)["outputs"], path[1])) return;
  draft.fault(pointer, "no output \"" + path[1] + "\"; " + models.in_role(path[0]) + " offers " +
                           joined((*role)["outputs"]));
}

void check_drawing(Draft& draft, const Models& models, const Json& metric, const std::string& pointer) {
  if (models.players.empty() || models.players.contains("generator")) return;
  const Json& properties = host_schema()["metric"]["properties"];
  for (const char* key : {"truncation", "z_std", "batch_norm", "standing_passes"})
    if (metric.contains(key) && metric[key] != properties[key]["default"])
      draft.fault(pointer_child(pointer, key),
                  "it says how a player called generator draws samples, and there is none (models: " +
                      joined(keys(models.config)) + "): leave it out");
}

}  // namespace saddle
