#include <game/wiring.hpp>

#include <algorithm>

#include <game/trial.hpp>

namespace saddle::worker {
namespace {

Link link_from(const nlohmann::json& written, const std::string& pointer) {
  const nlohmann::json from = written.is_object() ? written.value("from", nlohmann::json()) : written;
  const std::string text = from.is_string() ? from.get<std::string>() : "";
  const size_t dot = text.find('.');
  const nlohmann::json detach =
      written.is_object() ? written.value("detach", nlohmann::json(false)) : nlohmann::json(false);
  bool known = dot != std::string::npos && detach.is_boolean();
  if (written.is_object())
    for (const auto& [key, value] : written.items()) known &= key == "from" || key == "detach";
  if (!known)
    throw PlacedError(pointer,
                      "expected \"PLAYER.OUTPUT\" or {\"from\": "
                      "\"PLAYER.OUTPUT\", \"detach\": true}, found " +
                          written.dump());
  return {text.substr(0, dot), text.substr(dot + 1), detach.get<bool>()};
}

}  // namespace

std::string Cast::player(const std::string& role) const {
  const auto found = players.find(role);
  return found == players.end() ? role : found->second;
}

std::string Cast::sample(const std::string& name) const {
  if (name == "fake") return player("generator") == "generator" ? name : name + "@" + player("generator");
  if ((name == "real" || name == "labelled") && side > 0) return name + "@" + std::to_string(side);
  return name;
}

std::string Cast::input(const std::string& name) const {
  const size_t dot = name.find('.');
  return dot == std::string::npos ? name : sample(name.substr(0, dot)) + name.substr(dot);
}

Wiring::Wiring(const nlohmann::json& config) {
  const auto& models = config.at("models");
  for (const auto& [player, entry] : models.items()) {
    links_[player];
    sides_[player] = entry.value("side", int64_t{0});
    const nlohmann::json inputs = entry.value("inputs", nlohmann::json::object());
    for (const auto& [input, written] : inputs.items()) {
      const std::string pointer = "/models/" + player + "/inputs/" + input;
      const Link link = link_from(written, pointer);
      if (!models.contains(link.player))
        throw PlacedError(pointer, "there is no model '" + link.player + "'");
      links_[player][input] = link;
    }
  }
  for (const auto& [player, links] : links_)
    for (const std::string& other : behind(player))
      if (other == player)
        throw PlacedError("/models/" + player + "/inputs",
                          "'" + player + "' is to compute from what it makes itself");
  for (size_t i = 0; i < config.at("losses").size(); ++i) {
    const std::string pointer = "/losses/" + std::to_string(i) + "/players";
    Cast cast;
    const nlohmann::json players = config.at("losses")[i].value("players", nlohmann::json::object());
    for (const auto& [role, player] : players.items()) {
      if (!player.is_string() || !models.contains(player.get<std::string>()))
        throw PlacedError(pointer + "/" + role, "there is no model " + player.dump());
      cast.players[role] = player.get<std::string>();
    }
    // The judge's side, unless the loss was given a generator alone.
    const bool alone = cast.players.contains("generator") && !cast.players.contains("discriminator");
    const auto own = sides_.find(cast.player(alone ? "generator" : "discriminator"));
    const auto other = sides_.find(cast.player("generator"));
    cast.side = own != sides_.end() ? own->second : other != sides_.end() ? other->second : 0;
    casts_.push_back(std::move(cast));
  }
}

const Links& Wiring::links(const std::string& player) const { return links_.at(player); }
int64_t Wiring::side(const std::string& player) const { return sides_.at(player); }

bool Wiring::feeds(const std::string& from, const std::string& to) const {
  if (from == to) return true;
  const auto found = links_.find(to);
  return found != links_.end() &&
         std::any_of(found->second.begin(), found->second.end(), [&](const auto& link) {
           return !link.second.detach && feeds(from, link.second.player);
         });
}

std::vector<std::string> Wiring::behind(const std::string& player) const {
  std::vector<std::string> found;
  std::vector<std::string> open = {player};
  while (!open.empty()) {
    const std::string next = open.back();
    open.pop_back();
    for (const auto& [input, link] : links_.at(next))
      if (links_.contains(link.player) && std::find(found.begin(), found.end(), link.player) == found.end()) {
        found.push_back(link.player);
        open.push_back(link.player);
      }
  }
  return found;
}

std::vector<int64_t> Wiring::shape(const std::string& player, std::vector<int64_t> sample) const {
  const int64_t own = side(player);
  if (own == 0) return sample;
  if (sample.size() != 3 || own > std::min(sample[1], sample[2]))
    throw PlacedError("/models/" + player + "/side", "pictures of side " + std::to_string(own) +
                                                         " are not made of the data set's samples, which are "
                                                         "smaller, or no pictures");
  sample[1] = sample[2] = own;
  return sample;
}

NamedTensors Wiring::completed(const std::string& player, NamedTensors inputs, const Forward& forward) const {
  const NamedTensors given = inputs;
  for (const auto& [input, link] : links(player)) {
    if (find(given, input).defined()) continue;
    const NamedTensors outputs = forward(link.player, completed(link.player, given, forward));
    const at::Tensor output = find(outputs, link.output);
    if (!output.defined())
      throw PlacedError("/models/" + player + "/inputs/" + input,
                        "model '" + link.player + "' gives no output '" + link.output + "'");
    inputs.emplace_back(input, link.detach ? output.detach() : output);
  }
  return inputs;
}

}  // namespace saddle::worker
