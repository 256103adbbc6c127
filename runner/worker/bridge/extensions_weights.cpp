// saddle.weights: tensors of safetensors files.
#include <ATen/ATen.h>

#include <bridge/extensions.hpp>
#include <bridge/handle.hpp>
#include <bridge/host.hpp>
#include <common/error.hpp>
#include <train/safetensors.hpp>

// The plugin's opaque handle is the file itself.
struct saddle_weights {
  saddle::train::SafetensorsFile file;
};

namespace saddle::worker {
namespace {

saddle_status open(const char* path, saddle_weights** weights) {
  return guarded([&] {
    if (!path || !*path) throw Error("no weights file is named");
    *weights = new saddle_weights{train::SafetensorsFile(path)};
  });
}

void close(saddle_weights* weights) { delete weights; }

uint32_t count(const saddle_weights* weights) {
  return weights ? static_cast<uint32_t>(weights->file.names().size()) : 0;
}

const char* name(const saddle_weights* weights, uint32_t index) {
  return index < count(weights) ? weights->file.names()[index].c_str() : nullptr;
}

saddle_status read(const saddle_weights* weights, const char* name, saddle_tensor** result) {
  return guarded([&] {
    if (!weights || !name) throw Error("weights are read without a file or a name");
    *result = give(weights->file.read(name).to(trial_device()));
  });
}

}  // namespace

const saddle_weights_extension& weights_extension() {
  static const saddle_weights_extension table = {sizeof table, open, close, count, name, read};
  return table;
}

}  // namespace saddle::worker
