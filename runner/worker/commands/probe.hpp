#pragma once
#include <commands/one_shot.hpp>

namespace saddle::worker {

// One component called alone, on tensors of a file. Each prints its answer.
void probe_model(const Request& request);
void probe_loss(const Request& request);
void probe_dataset(const Request& request);
void probe_metric(const Request& request);
void probe_transform(const Request& request);

}  // namespace saddle::worker
