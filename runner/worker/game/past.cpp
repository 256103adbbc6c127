// What a game takes over from past trials, and its players from one another.
#include <game/game.hpp>

#include <algorithm>

#include <common/sha256.hpp>
#include <train/checkpoint.hpp>
#include <train/safetensors.hpp>

namespace saddle::worker {
namespace {

using Tensors = std::map<std::string, at::Tensor>;
constexpr const char* kRaw = "/raw/";

Tensors checkpoint_of(const nlohmann::json& from) {
  const std::filesystem::path file = from.at("file").get<std::string>();
  const std::string expected = from.at("sha256"), found = sha256_file(file);
  if (found != expected)
    throw Error(file.string() + " is not the checkpoint that was planned: its SHA-256 is " + found +
                ", not " + expected + ". Restore that file, or plan anew");
  return train::read_safetensors(file).tensors;
}

// "from" names a player of the same game, and nothing of the past.
bool of_this_game(const nlohmann::json& from) { return !from.contains("file"); }

// The trial that it is of, or the file.
std::string source_of(const nlohmann::json& from) {
  if (of_this_game(from)) return "this game";
  const auto trained = from.find("trained");
  if (trained == from.end()) return from.at("file").get<std::string>();
  return "trial " + trained->at("experiment").get<std::string>() + "/" +
         trained->at("trial").get<std::string>();
}

// The players whose weights a checkpoint has, by name.
std::vector<std::string> players_in(const Tensors& checkpoint) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : checkpoint)
    if (const auto at = name.find(kRaw); at != std::string::npos && at == name.find('/'))
      if (names.empty() || names.back() != name.substr(0, at)) names.push_back(name.substr(0, at));
  return names;
}
std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "none" : text;
}

// Whose weights `player` takes.
std::string chosen(const nlohmann::json& from, const std::string& player, const Tensors& checkpoint) {
  const std::vector<std::string> known = players_in(checkpoint);
  const bool named = from.contains("player");
  std::string name = named ? from["player"].get<std::string>() : player;
  if (std::find(known.begin(), known.end(), name) != known.end()) return name;
  if (!named && known.size() == 1) return known[0];
  throw Error(source_of(from) + " has no player '" + name + "' (players: " + listed(known) +
              (named ? ")" : "): say which with \"player\""));
}

// What is given beyond what this model has, such as a decoder, is left out.
void take_weights(Player& player, const nlohmann::json& from, const std::string& name, Tensors given) {
  const Tensors mine = player.model.set.tensors();
  std::erase_if(given, [&](const auto& entry) { return !mine.contains(entry.first); });
  try {
    player.model.set.load(given, train::ParameterSet::Load::weights);
  } catch (const Error& e) {
    throw Error("the weights of '" + name + "' of " + source_of(from) +
                " do not fit this model: " + e.what() + ". Give it the parameters that it had there");
  }
  if (player.average) player.average->set().load(player.model.set.tensors());
}

void take_past_weights(Player& player, const nlohmann::json& from) {
  const Tensors checkpoint = checkpoint_of(from);
  const std::string name = chosen(from, player.name, checkpoint);
  take_weights(player, from, name, train::with_prefix(checkpoint, name + kRaw));
}

// What is trained of a player, with what belongs to its norms, as it is now. Buffers are of its own past.
Tensors trained_tensors(Player& player) {
  Tensors copies;
  for (const auto& [name, tensor] : player.model.set.tensors())
    if (!player.model.set.buffers().contains(name)) copies[name] = tensor.detach().clone();
  return copies;
}

}  // namespace

void Game::take_past() {
  const auto& train = trial_.config.at("train");
  if (const auto from = train.find("from"); from != train.end())
    placed("/train/from", [&] { fork_from(*from); });
  for (const auto& [name, entry] : trial_.config.at("models").items())
    if (const auto from = entry.find("from"); from != entry.end() && !of_this_game(*from))
      placed("/models/" + name + "/from", [&, &n = name] { take_past_weights(*players_.at(n), *from); });
}

void Game::check_sources() const {
  for (const auto& [name, entry] : trial_.config.at("models").items()) {
    const auto from = entry.find("from");
    if (from == entry.end() || !of_this_game(*from)) continue;
    const std::string pointer = "/models/" + name + "/from", other = from->at("player");
    if (!players_.contains(other)) throw PlacedError(pointer, "there is no model '" + other + "'");
    if (other == name) throw PlacedError(pointer, "'" + name + "' is to start with its own weights");
    if (!players_.at(name)->optimizer)
      throw PlacedError(pointer, "'" + name +
                                     "' has no rounds at whose beginning it could take weights: give it an "
                                     "optimizer, or take those of a past trial");
  }
}

void Game::take_over(int64_t round) {
  const auto& models = trial_.config.at("models");
  std::map<std::string, Tensors> given;  // all of them first: players may take from one another
  for (const std::string& name : order_)
    if (const auto from = models.at(name).find("from");
        from != models.at(name).end() && of_this_game(*from) && rounds_of(name).first == round)
      given[name] = trained_tensors(*players_.at(from->at("player").get<std::string>()));
  for (const auto& [name, tensors] : given)
    placed("/models/" + name + "/from", [&, &n = name, &t = tensors] {
      const nlohmann::json& from = models.at(n).at("from");
      take_weights(*players_.at(n), from, from.at("player"), t);
    });
}

void Game::fork_from(const nlohmann::json& from) {
  const Tensors checkpoint = checkpoint_of(from);
  const std::string source = source_of(from);
  const auto part = [&](const std::string& prefix) { return train::with_prefix(checkpoint, prefix); };
  const auto fits = [&](const std::string& what, const std::string& remedy, const auto& load) {
    try {
      load();
    } catch (const Error& e) {
      throw Error(what + " of " + source + " does not fit this game's: " + e.what() + ". " + remedy);
    }
  };
  bool any = false;
  for (const auto& [name, player] : players_) {
    const Tensors raw = part(name + kRaw), average = part(name + "/ema/"), steps = part(name + "/optimizer/");
    if (raw.empty()) continue;  // a player that the trial did not have
    any = true;
    const std::string same = "A fork has the models of the trial that it is forked from";
    fits("player '" + name + "'", same, [&, &p = *player] { p.model.set.load(raw); });
    if (player->average)
      fits("the average of '" + name + "'", same,
           [&, &p = *player] { p.average->set().load(average.empty() ? p.model.set.tensors() : average); });
    if (player->update && !steps.empty() && from.value("optimizers", true))
      fits("the optimizer of '" + name + "'",
           "Take the optimizer that it had there, or set \"optimizers\": false in \"from\", and all begin "
           "anew",
           [&, &p = *player] { p.update->load_state(steps); });
  }
  if (!any)
    throw Error(source + " has none of this game's players (it has " + listed(players_in(checkpoint)) + ")");
  for (auto& entry : losses_)
    if (const Tensors state = part("loss/" + entry.name + "/"); !state.empty())
      fits("the state of loss '" + entry.name + "'", "A fork's loss of the same name has the same tensors",
           [&] { entry.loss->set.load(state); });
}

}  // namespace saddle::worker
