#pragma once
#include <commands/one_shot.hpp>

namespace saddle::worker {

// Measures the generator of a checkpoint. The metrics stand in the trial's config; "seed" (of z, null: as in
// training), "truncations" (a list, each of which replaces the metrics' own; may be empty) and "validation"
// (whether the metrics are to see held-out real samples, too). One line of JSON: {"step", "numbers":
// [{"name", "value", "protocol", "truncation"}], "validation": {"split", "samples", "numbers": {name: value}}
// or null}. What is not finite is the text "nan", "inf" or "-inf".
void evaluate_trial(const Request& request);

}  // namespace saddle::worker
