#pragma once

// The worker's one-shot commands. `saddle` resolves names to plugin files and
// parameters, then hands over one JSON request on stdin; what they print is the
// answer to the user. They return the program's exit code.
namespace saddle::worker {

// {"what": "model" | "loss" | "dataset" | "metric", ...}: calls one component alone.
int probe_command(int argc, char** argv);
// Measures two sets of samples.
int eval_command(int argc, char** argv);
// Draws samples with the generator of a checkpoint.
int sample_command(int argc, char** argv);

}  // namespace saddle::worker
