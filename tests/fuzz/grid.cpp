// A grid file, planned against a small catalogue: read, swept, checked, resolved, hashed.
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <common/error.hpp>
#include <common/paths.hpp>
#include <grid/catalogue.hpp>
#include <grid/plan.hpp>

using namespace saddle;

namespace {

Catalogue small_catalogue() {
  Catalogue catalogue;
  for (const Json& component : Json::parse(read_file(COMPONENTS)))
    catalogue.add({{"ok", true}, {"components", {component}}}, "/plugins/x.so", "hash");
  return catalogue;
}

// A folder of its own: a grid may name other files, relative to itself.
std::string own_folder() {
  static std::string folder = (std::filesystem::temp_directory_path() / "saddle-fuzz-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) std::abort();
  std::atexit([] { std::filesystem::remove_all(folder); });
  return folder;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Catalogue catalogue = small_catalogue();
  static const std::string file = own_folder() + "/grid.json";
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (text.find("/dev/") != std::string::npos) return 0;  // what it extends may be endless
  std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
  try {
    const Plan plan = load_plan(file, {}, catalogue, /*most_trials=*/200);
    for (const PlannedTrial& trial : plan.trials) {
      const Json config = trial.config->resolved();
      config_params(config);
      plugin_files(config, catalogue);
    }
    plan_json(plan).dump();
  } catch (const Error&) {
  }
  return 0;
}
