#include <bridge/extensions.hpp>

namespace saddle::worker {

const void* find_extension(std::string_view id) {
  if (id == SADDLE_EXTENSION_FUNCTION) return &function_extension();
  if (id == SADDLE_EXTENSION_TRIAL) return &trial_extension();
  if (id == SADDLE_EXTENSION_WEIGHTS) return &weights_extension();
  return nullptr;
}

}  // namespace saddle::worker
