#include <commands/trained_game.hpp>

#include <ATen/Parallel.h>

#include <common/error.hpp>
#include <train/checkpoint.hpp>

namespace saddle::worker {

TrainedGame load_game(const Request& request) {
  nlohmann::json given = request.at("trial");
  given["config"]["train"]["device"] = "cpu";
  TrainedGame loaded{Trial::from_json(given), nullptr, -1};
  at::set_num_threads(loaded.trial.config.at("train").at("threads").get<int>());
  const std::filesystem::path file = request.at("checkpoint").get<std::string>();
  const train::Checkpoint checkpoint = train::load_checkpoint(file);
  loaded.step = checkpoint.meta.value("step", int64_t{-1});
  loaded.game = std::make_unique<Game>(loaded.trial);
  try {
    for (const auto& [name, player] : loaded.game->players()) {
      player->model.set.load(train::with_prefix(checkpoint.tensors, name + "/raw/"));
      if (player->average)
        player->average->set().load(train::with_prefix(checkpoint.tensors, name + "/ema/"));
    }
  } catch (const Error& e) {
    throw Error(file.string() + ": not a checkpoint of trial " + loaded.trial.name + ": " + e.what());
  }
  return loaded;
}

}  // namespace saddle::worker
