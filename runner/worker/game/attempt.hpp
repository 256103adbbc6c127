#pragma once
#include <filesystem>

#include <game/trial.hpp>

namespace saddle::worker {

struct AttemptOptions {
  std::filesystem::path folder;      // artifacts and checkpoints go here
  int frames_fd = -1;                // the pipe to saddle
  std::filesystem::path checkpoint;  // to continue from; empty: from the start
};

// Trains a trial from its start or a checkpoint to its end, telling saddle of
// everything in frames. Returns after the "finished" frame, whatever its reason.
void run_attempt(const Trial& trial, const AttemptOptions& options);

}  // namespace saddle::worker
