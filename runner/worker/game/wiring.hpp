#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <bridge/instances.hpp>

namespace saddle::worker {

// An input of a player that is another player's output on the same sample.
struct Link {
  std::string player, output;
  bool detach = false;  // no gradient goes back through it
};
using Links = std::map<std::string, Link>;  // by input

// Who plays which role of a loss, on pictures of which side: "players" of its
// entry, the side of the models.
struct Cast {
  std::map<std::string, std::string> players;  // by role; a role that is not here is the player of its name
  int64_t side = 0;                            // 0: the data set's

  std::string player(const std::string& role) const;
  // How a step calls a sample of this cast: "fake@base", "real@4"; "latent" is
  // everybody's.
  std::string sample(const std::string& name) const;
  // "real.image" -> "real@4.image".
  std::string input(const std::string& name) const;
};

// What the keys "inputs" and "side" of the models and "players" of the losses
// say. Throws PlacedError.
class Wiring {
 public:
  explicit Wiring(const nlohmann::json& config);

  const Links& links(const std::string& player) const;
  int64_t side(const std::string& player) const;  // 0: the data set's
  const Cast& cast(size_t loss) const { return casts_[loss]; }
  // Whether a gradient by what `to` makes reaches `from`: it is that player, or
  // feeds it undetached.
  bool feeds(const std::string& from, const std::string& to) const;
  // The players from whose outputs `player` computes, nearest first.
  std::vector<std::string> behind(const std::string& player) const;
  // The shape of this player's pictures.
  std::vector<int64_t> shape(const std::string& player, std::vector<int64_t> sample) const;

  // `inputs` and those of `player` that are linked, which `forward` computes
  // from the same inputs.
  using Forward = std::function<NamedTensors(const std::string& player, const NamedTensors& inputs)>;
  NamedTensors completed(const std::string& player, NamedTensors inputs, const Forward& forward) const;

 private:
  std::map<std::string, Links> links_;
  std::map<std::string, int64_t> sides_;
  std::vector<Cast> casts_;
};

}  // namespace saddle::worker
