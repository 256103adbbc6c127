#pragma once
#include <memory>

#include <commands/one_shot.hpp>
#include <game/game.hpp>

namespace saddle::worker {

// The game of a trial as it stood at a checkpoint, on the CPU. Request: "trial" as an attempt is given it,
// and "checkpoint".
struct TrainedGame {
  Trial trial;
  std::unique_ptr<Game> game;
  int64_t step = -1;
};
// Throws Error for a file that is no checkpoint of that trial.
TrainedGame load_game(const Request& request);

}  // namespace saddle::worker
